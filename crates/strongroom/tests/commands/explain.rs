//! `strongroom explain exchange`, beside a server that runs.

use crate::process::{Dev, folder, run};

#[tokio::test]
async fn an_exchange_is_explained_beside_the_server() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--no-demo"]).await;
    let (web, ada) = (dev.text("/clients/web/client_id"), dev.text("/users/0/user_id"));
    let explain = async |more: &[&str]| {
        let usual = [
            "explain",
            "exchange",
            "--database",
            "sqlite:.strongroom/strongroom.db",
            "--kek-file",
            ".strongroom/kek",
            "--client",
            web,
            "--connection",
            "calendar",
        ];
        let output = run(home.path(), &[&usual[..], more].concat()).await;
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = explain(&["--user", ada]).await;
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "ok        grant                the client may use the Token Vault grant\n",
        "supposed  subject_token        supposed to be good: none was presented\n",
        "FAILED    connected_account    tokenset_not_found\n",
        "                               Let the user connect an account",
        "-         tokenset             not looked at\n",
        "\nThe client gets no token.\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let (code, text) = explain(&["--user", "auth0|nobody", "--json"]).await;
    assert_eq!(code, Some(1), "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["failed_check"], "user", "{told}");
    let (code, text) = explain(&["--user", ada, "--tenant", "nobody"]).await;
    assert_eq!((code, text.contains("there is no tenant nobody")), (Some(5), true), "{text}");
    dev.stop().await;
}
