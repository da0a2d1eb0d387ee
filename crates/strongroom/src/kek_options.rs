//! Where the key-encryption keys are, as the command line says it.
//!
//! Order matters across the options, so it is read from the positions of the values: the first wraps,
//! the others open what they wrapped.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::parser::Indices;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::storage::{KEK_VARIABLE, KekLocation};

const FILE: &str = "kek_file";
const COMMAND: &str = "kek_command";
const TRANSIT: &str = "kek_transit";
const AWS_KMS: &str = "kek_aws_kms";
const PKCS11: &str = "kek_pkcs11";

/// What was given, in the order in which it was given.
pub(crate) struct KekOptions(Vec<KekLocation>);

impl KekOptions {
    /// The one that wraps, and those that only open. The variable comes last, so it wraps where there
    /// is nothing else.
    pub(crate) fn locations(&self) -> Result<(KekLocation, Vec<KekLocation>), Failure> {
        let variable = std::env::var(KEK_VARIABLE).map(Zeroizing::new);
        let variable = variable.ok().map(KekLocation::Environment);
        let mut all = self.0.iter().cloned().chain(variable);
        let active = all.next().ok_or(Failure::NoKek { variable: KEK_VARIABLE })?;
        Ok((active, all.collect()))
    }
}

impl Args for KekOptions {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long("kek-file")
            .value_name("FILE")
            .env("STRONGROOM_KEK_FILE")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help(
                "The key-encryption key: 32 bytes in base64. Of several, in whichever of the --kek \
                 options, the first wraps, the others open what they wrapped. The variable \
                 STRONGROOM_KEK may hold one more key itself",
            );
        let program = Arg::new(COMMAND)
            .long("kek-command")
            .value_name("COMMAND")
            .env("STRONGROOM_KEK_COMMAND")
            .action(ArgAction::Append)
            .value_parser(NonEmptyStringValueParser::new())
            .help(
                "A program that prints a key-encryption key, with arguments separated by spaces; no \
                 shell is involved, and it has ten seconds",
            );
        let transit = Arg::new(TRANSIT)
            .long("kek-transit")
            .value_names(["URL", "FILE"])
            .num_args(2)
            .action(ArgAction::Append)
            .value_parser(NonEmptyStringValueParser::new())
            .help(
                "A key-encryption key that Transit of Vault or OpenBao has encrypted into a file, and \
                 the URL at which it decrypts: https://HOST/v1/transit/decrypt/NAME. The variable \
                 VAULT_TOKEN may hold a token for it",
            );
        let aws_kms = Arg::new(AWS_KMS)
            .long("kek-aws-kms")
            .value_names(["KEY", "FILE"])
            .num_args(2)
            .action(ArgAction::Append)
            .value_parser(NonEmptyStringValueParser::new())
            .help(
                "A key-encryption key that this key of AWS KMS has encrypted into a file. The variables \
                 AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and \
                 AWS_ENDPOINT_URL_KMS mean what they mean to the programs of AWS",
            );
        let pkcs11 = Arg::new(PKCS11)
            .long("kek-pkcs11")
            .value_names(["MODULE", "TOKEN", "KEY", "FILE"])
            .num_args(4)
            .action(ArgAction::Append)
            .value_parser(NonEmptyStringValueParser::new())
            .help(
                "A key-encryption key that a key of a PKCS#11 token has encrypted into a file: the \
                 library, the labels of token and key, the file. The variable STRONGROOM_PKCS11_PIN \
                 holds the PIN, or STRONGROOM_PKCS11_PIN_FILE names a file with it",
            );
        command.args([file, program, transit, aws_kms, pkcs11])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for KekOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let files = matches.get_many::<PathBuf>(FILE).into_iter().flatten();
        let files = files.cloned().map(KekLocation::File);
        let programs = matches.get_many::<String>(COMMAND).into_iter().flatten();
        let programs = programs.cloned().map(KekLocation::Command);
        let transits = tuples(matches, TRANSIT).map(|(position, [url, file])| {
            (position, KekLocation::Transit { url, ciphertext: file.into() })
        });
        let kms = tuples(matches, AWS_KMS).map(|(position, [key, file])| {
            (position, KekLocation::AwsKms { key, ciphertext: file.into() })
        });
        let tokens = tuples(matches, PKCS11).map(|(position, [module, token, key, file])| {
            let (module, ciphertext) = (module.into(), file.into());
            (position, KekLocation::Pkcs11 { module, token, key, ciphertext })
        });
        let mut given: Vec<_> = positions(matches.indices_of(FILE))
            .zip(files)
            .chain(positions(matches.indices_of(COMMAND)).zip(programs))
            .chain(transits)
            .chain(kms)
            .chain(tokens)
            .collect();
        given.sort_by_key(|(position, _)| *position);
        Ok(Self(given.into_iter().map(|(_, location)| location).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn positions(indices: Option<Indices<'_>>) -> impl Iterator<Item = usize> {
    indices.into_iter().flatten()
}

/// The values of an option that takes `N` at a time, each time with the position of the first.
fn tuples<const N: usize>(
    matches: &ArgMatches,
    option: &str,
) -> impl Iterator<Item = (usize, [String; N])> {
    let values = matches.get_occurrences::<String>(option).into_iter().flatten();
    let values = values.filter_map(|values| values.cloned().collect::<Vec<_>>().try_into().ok());
    positions(matches.indices_of(option)).step_by(N).zip(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &str, expected: &[&str]) {
        let command = KekOptions::augment_args(Command::new("x"));
        let words = std::iter::once("x").chain(arguments.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        let names: Vec<_> = KekOptions::from_arg_matches(&matches)
            .unwrap()
            .0
            .into_iter()
            .map(|location| match location {
                KekLocation::File(file) => file.display().to_string(),
                KekLocation::Command(command) => format!("!{command}"),
                KekLocation::Transit { url, ciphertext } => {
                    format!("{url} {}", ciphertext.display())
                }
                KekLocation::AwsKms { key, ciphertext } => {
                    format!("aws {key} {}", ciphertext.display())
                }
                KekLocation::Pkcs11 { module, token, key, ciphertext } => {
                    format!("{} {token} {key} {}", module.display(), ciphertext.display())
                }
                KekLocation::Environment(_) | KekLocation::Passing => String::new(),
            })
            .collect();
        assert_eq!(names, expected, "{arguments}");
    }

    #[test]
    fn the_first_given_is_the_first_whatever_its_option() {
        check("", &[]);
        check("--kek-file a --kek-file b", &["a", "b"]);
        check("--kek-command c --kek-file a --kek-file b", &["!c", "a", "b"]);
        check("--kek-file a --kek-command c --kek-file b", &["a", "!c", "b"]);
        check("--kek-transit u f --kek-file a --kek-transit v g", &["u f", "a", "v g"]);
        check("--kek-file a --kek-transit u f --kek-command c", &["a", "u f", "!c"]);
        check("--kek-aws-kms k f --kek-transit u f --kek-file a", &["aws k f", "u f", "a"]);
        check(
            "--kek-pkcs11 m t k f --kek-file a --kek-pkcs11 m t k g",
            &["m t k f", "a", "m t k g"],
        );
    }
}
