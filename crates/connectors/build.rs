//! Lists the files of the catalogue for `include_str!`, and checks each against
//! `catalogue.schema.json`, so that a bad file stops the build.
//!
//! The schema is made of the types in `src/spec.rs` by a test, so that the rules
//! stand once. Reading the files into those types here instead would compile
//! them, and the cryptography under them, a second time for the build script.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const SCHEMA: &str = "catalogue.schema.json";
const FOLDER: &str = "catalogue";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SCHEMA}");
    println!("cargo::rerun-if-changed={FOLDER}");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let schema = serde_json::from_str(&fs::read_to_string(root.join(SCHEMA))?)?;
    let validator = jsonschema::validator_for(&schema)?;
    let mut files: Vec<PathBuf> = fs::read_dir(root.join(FOLDER))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let mut list = String::from("[\n");
    let mut faults = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        faults.extend(faults_of(file, &validator)?.iter().map(|fault| format!("{name}: {fault}")));
        writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string())?;
    }
    list.push(']');
    if !faults.is_empty() {
        return Err(faults.join("\n").into());
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogue.rs"), list)?;
    Ok(())
}

fn faults_of(
    file: &Path,
    validator: &jsonschema::Validator,
) -> Result<Vec<String>, Box<dyn Error>> {
    let table: toml::Table = match toml::from_str(&fs::read_to_string(file)?) {
        Ok(table) => table,
        Err(error) => return Ok(vec![error.to_string()]),
    };
    let document = serde_json::to_value(table)?;
    let fault = |error: jsonschema::ValidationError<'_>| {
        format!("{} at {:?}", error, error.instance_path().to_string())
    };
    Ok(validator.iter_errors(&document).map(fault).collect())
}
