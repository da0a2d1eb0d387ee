//! A key-encryption key that a PKCS#11 token decrypts: SoftHSM, the real one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

use crate::process::{folder, run_given};

const PIN: &str = "2718281828";
/// 32 bytes in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// SoftHSM's library, where Debian puts it. Without it the test says so, and fails on CI.
fn soft_hsm() -> Option<PathBuf> {
    let found = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"]
        .into_iter()
        .map(PathBuf::from)
        .find(|module| module.exists());
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "Debian's softhsm2 is missing");
        #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what they lack")]
        {
            eprintln!("Debian's softhsm2 is missing: not run with a PKCS#11 token");
        }
    }
    found
}

/// Makes a token with a key in this folder, and the file of a key-encryption key that it encrypts.
fn make_token(home: &Path, module: &Path) {
    std::fs::create_dir(home.join("tokens")).unwrap();
    let configuration = format!("directories.tokendir = {}\n", home.join("tokens").display());
    std::fs::write(home.join("softhsm2.conf"), configuration).unwrap();
    let made = std::process::Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "strongroom"])
        .args(["--so-pin", "31415926", "--pin", PIN])
        .env("SOFTHSM2_CONF", home.join("softhsm2.conf"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");

    // SoftHSM reads the variable of the process that loads it.
    let made = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pkcs11::child_makes_a_key", "--ignored"])
        .env("SOFTHSM2_CONF", home.join("softhsm2.conf"))
        .env("SOFTHSM_MODULE", module)
        .env("SOFTHSM_FOLDER", home)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Not a test: a part of [`make_token`] that needs a process of its own.
#[test]
#[ignore = "a part of another"]
fn child_makes_a_key() {
    let home = PathBuf::from(std::env::var_os("SOFTHSM_FOLDER").unwrap());
    let module = Pkcs11::new(std::env::var_os("SOFTHSM_MODULE").unwrap()).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
    let make = |label: &str| {
        let template = [
            Attribute::Token(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &template).unwrap()
    };
    let (key, _other) = (make("kek"), make("other"));
    for (file, content) in [("kek.pkcs11", KEY), ("lying.pkcs11", "AAAA")] {
        let iv = [7; 16];
        let sealed = session.encrypt(&Mechanism::AesCbcPad(iv), key, content.as_bytes()).unwrap();
        let text = BASE64_STANDARD.encode([&iv[..], &sealed].concat());
        // As the usual program breaks lines.
        std::fs::write(home.join(file), format!("{}\n{}\n", &text[..20], &text[20..])).unwrap();
    }
}

async fn run(home: &Path, arguments: &[&str], pin: &[(&str, &str)]) -> (Option<i32>, String) {
    let configuration = home.join("softhsm2.conf");
    let variables = [pin, &[("SOFTHSM2_CONF", configuration.to_str().unwrap())]].concat();
    run_given(home, arguments, &variables).await
}

/// F31: a token hands over the key, or what is wrong with it is named, and nobody makes up another key.
#[tokio::test]
async fn f31_a_token_hands_over_the_key_or_is_named() {
    let Some(module) = soft_hsm() else { return };
    let home = folder();
    let home = home.path();
    make_token(home, &module);
    let module = module.to_str().unwrap();
    let pin = [("STRONGROOM_PKCS11_PIN", PIN)];
    let create = ["tenant", "create", "acme", "--base-url", "http://localhost:4000"];
    let by_token = ["--kek-pkcs11", module, "strongroom", "kek", "kek.pkcs11"];
    let (code, told) = run(home, &[&create[..], &by_token].concat(), &pin).await;
    assert_eq!(code, Some(0), "{told}");
    // What the token decrypts is the same key as any other.
    let print = format!("echo {KEY}");
    let (code, told) = run(home, &["keys", "verify", "--kek-command", &print], &[]).await;
    assert_eq!(code, Some(0), "{told}");
    let status = [&["keys", "status"], &by_token[..]].concat();
    let (code, before) = run(home, &status, &pin).await;
    assert_eq!(code, Some(0), "{before}");
    // The PIN may be in a file, and one module be asked twice.
    std::fs::write(home.join("pin"), format!("{PIN}\n")).unwrap();
    let file = [("STRONGROOM_PKCS11_PIN_FILE", "pin")];
    let set_mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(home.join("pin"), permissions).unwrap();
    };
    set_mode(0o600);
    let twice = [&status[..], &by_token].concat();
    assert_eq!(run(home, &twice, &file).await, (Some(0), before.clone()));

    let good = std::fs::read_to_string(home.join("kek.pkcs11")).unwrap();
    let mut altered: Vec<u8> = BASE64_STANDARD.decode(good.replace('\n', "")).unwrap();
    altered[0] ^= 1;
    std::fs::write(home.join("altered.pkcs11"), BASE64_STANDARD.encode(&altered)).unwrap();
    std::fs::write(home.join("no.pkcs11"), "vault:v1:AAAA").unwrap();
    set_mode(0o644);
    let wrong = [("STRONGROOM_PKCS11_PIN", "0000")];
    for (options, pin, sentence) in [
        ([module, "strongroom", "kek", "kek.pkcs11"], &[][..], "neither STRONGROOM_PKCS11_PIN nor"),
        ([module, "strongroom", "kek", "kek.pkcs11"], &file, "pin is readable by others"),
        (
            [module, "strongroom", "kek", "kek.pkcs11"],
            &wrong,
            "the PKCS#11 token strongroom does not decrypt the key: ",
        ),
        ([module, "nothing", "kek", "kek.pkcs11"], &pin, "the module has no token of that label"),
        ([module, "strongroom", "none", "kek.pkcs11"], &pin, "the token has 0 secret keys"),
        ([module, "strongroom", "other", "kek.pkcs11"], &pin, "the key"),
        ([module, "strongroom", "kek", "lying.pkcs11"], &pin, "decrypted does not hold a key"),
        ([module, "strongroom", "kek", "altered.pkcs11"], &pin, "key"),
        ([module, "strongroom", "kek", "no.pkcs11"], &pin, "no.pkcs11 does not hold an init"),
        ([module, "strongroom", "kek", "gone.pkcs11"], &pin, "gone.pkcs11 cannot be read"),
        (["/no/module.so", "strongroom", "kek", "kek.pkcs11"], &pin, "/no/module.so"),
    ] {
        let serve = [&["serve", "--listen", "127.0.0.1:0", "--kek-pkcs11"], &options[..]].concat();
        let (code, told) = run(home, &serve, pin).await;
        assert_eq!((code, told.lines().count()), (Some(3), 1), "{options:?}: {told}");
        assert!(told.contains(sentence), "{options:?}: {told}");
        assert!(!told.contains(PIN) && !told.contains(KEY), "{told}");
    }
    assert_eq!(run(home, &status, &pin).await.1, before);
}
