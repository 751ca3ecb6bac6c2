//! `chattrix config` and `chattrix completions` (contract section 7).

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Cli, TestServer, WEBHOOK_SECRET};

const SECRET: &str = "a secret that must never be shown to anybody";

fn folder_with(rocket_toml: &str) -> (TempDir, Cli) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Rocket.toml"), rocket_toml).expect("a file");
    let cli = Cli::in_directory(folder.path());
    (folder, cli)
}

#[tokio::test(flavor = "multi_thread")]
async fn config_shows_what_holds_and_where_it_was_given() {
    let (_folder, cli) = folder_with(
        "[default]\nport = 21199\n[default.chattrix]\nring_timeout = '45s'\n\
         retention = '90d'\nallowed_origins = ['https://app.example.com']",
    );
    let cli = cli
        .with("CHATTRIX_INITIATE_RATE", "5/10s")
        .with("ROCKET_WORKERS", "3");
    let shown = cli.json(&["config", "--database", "other.db"]);
    let is = |name: &str, value: serde_json::Value, from: &str| {
        assert_eq!(shown[name]["value"], value, "{name}");
        let given = shown[name]["from"].as_str().expect("where");
        assert!(given.contains(from), "{name}: {given}");
    };
    is("database", json!("other.db"), "--database");
    is("ring_timeout", json!("45s"), "Rocket.toml");
    is("retention", json!("90d"), "Rocket.toml");
    is(
        "allowed_origins",
        json!(["https://app.example.com"]),
        "Rocket.toml",
    );
    is("initiate_rate", json!("5/10s"), "CHATTRIX_INITIATE_RATE");
    is("max_call_duration", json!("4h"), "default");
    is("max_connections", json!(20_000), "default");
    is("auto_provision", json!(false), "default");
    is("jwt_issuer", json!(null), "default");
    is("port", json!(21_199), "Rocket.toml");
    is("workers", json!(3), "ROCKET_WORKERS");
    is("address", json!("127.0.0.1"), "default");

    let table = cli.run(&["config"]).success();
    let line = table.lines().find(|line| line.contains("initiate_rate"));
    let words: Vec<_> = line.expect("a line").split_whitespace().collect();
    assert_eq!(words, ["initiate_rate", "5/10s", "CHATTRIX_INITIATE_RATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn config_shows_no_secret() {
    let (_folder, in_file) = folder_with(&format!("[default.chattrix]\njwt_secret = '{SECRET}'"));
    let (_other, in_variable) = folder_with("");
    let in_variable = in_variable.with("CHATTRIX_JWT_SECRET", SECRET);
    for cli in [in_file, in_variable] {
        for args in [&["config"][..], &["config", "--json"], &["config", "check"]] {
            let done = cli.run(args);
            assert_eq!(done.code, 0, "{}", done.err);
            assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET));
        }
        assert_eq!(cli.json(&["config"])["jwt_secret"]["value"], "********");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_in_the_url_of_a_database_is_never_shown() {
    let (_folder, cli) = folder_with(&format!("[default.chattrix]\njwt_secret = '{SECRET}'"));
    for url in [
        "postgres://calls:s3cret@localhost/calls",
        "postgres://localhost/calls?password=s3cret",
    ] {
        let cli = cli.clone().with("CHATTRIX_DATABASE", url);
        assert_eq!(cli.json(&["config"])["database"]["value"], "********");
        for args in [&["config", "check"][..], &["serve"], &["user", "list"]] {
            let done = cli.run(args);
            assert_eq!(done.code, 1, "{}", done.err);
            let said = done.out + &done.err;
            assert!(said.contains("password_file"), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_of_the_settings_is_what_config_docs_prints() {
    let (_folder, cli) = folder_with("");
    let printed = cli.run(&["config", "docs"]).success();
    let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md"));
    assert!(
        printed == kept.expect("a document"),
        "docs/settings.md is not up to date: chattrix config docs >docs/settings.md"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rocket_toml_is_what_config_docs_prints() {
    let (_folder, cli) = folder_with("");
    let printed = cli.run(&["config", "docs", "--toml"]).success();
    let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Rocket.toml"));
    assert!(
        printed == kept.expect("a file"),
        "Rocket.toml is not up to date: chattrix config docs --toml >Rocket.toml"
    );
}

/// A certificate and its key, self-made, in `folder`.
fn make_certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ])
        .current_dir(folder)
        .output()
        .expect("openssl is there");
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
}

/// Sets a mistake up in a folder, where nothing else is wrong: what the settings say then.
type Mistake = fn(&Path) -> String;

/// Each mistake, and what `config check` says of it: the check, the file or key, what to do.
const MISTAKES: [(Mistake, &[&str]); 16] = [
    (
        |_| String::new(),
        &["key", "there is no key", "jwt_secret_file"],
    ),
    (
        |_| "jwt_secret = 'short'".into(),
        &["settings", "jwt_secret", "at least 32 bytes"],
    ),
    (
        |_| "KEY\nwebhook_url = 'https://example.com/'".into(),
        &["webhooks", "webhook_secret", "openssl rand"],
    ),
    (
        |_| {
            let url = "https://10.1.2.3/hook";
            format!("KEY\nwebhook_url = '{url}'\nwebhook_secret = '{WEBHOOK_SECRET}'")
        },
        &["webhooks", "10.1.2.3", "webhook_allow_private"],
    ),
    (
        |_| "jwt_secret_file = 'absent'".into(),
        &["key", "absent", "cannot be read"],
    ),
    (
        |folder| {
            fs::write(folder.join("short"), "short").expect("a file");
            "jwt_secret_file = 'short'".into()
        },
        &["key", "5 bytes", "openssl rand -hex 32"],
    ),
    (
        |folder| {
            make_certificate(folder, "a");
            "jwt_public_key_file = 'a.key'".into()
        },
        &["key", "a.key", "private key", "openssl pkey"],
    ),
    (
        |folder| {
            fs::write(folder.join("other"), "no key").expect("a file");
            "jwt_public_key_file = 'other'".into()
        },
        &["key", "other", "not a supported public key"],
    ),
    (
        |_| "database = 'no/such/folder/c.db'\nKEY".into(),
        &["database", "no/such/folder", "create it"],
    ),
    (
        |folder| {
            fs::write(folder.join("diary"), "Dear diary, it rains.").expect("a file");
            "database = 'diary'\nKEY".into()
        },
        &["database", "diary", "not a database of this server"],
    ),
    (
        |_| "ring_timout = '60s'\nKEY".into(),
        &["settings", "ring_timout", "did you mean ring_timeout?"],
    ),
    (
        |_| "ring_timeout = 60\nKEY".into(),
        &["settings", "ring_timeout", "Rocket.toml", "such as 60s"],
    ),
    (
        |_| "ping_interval = '80s'\nKEY".into(),
        &["settings", "ping_interval", "idle_timeout", "shorter"],
    ),
    (
        |_| "KEY\n[default.tls]\ncerts = 'no.pem'\nkey = 'no.key'".into(),
        &["certificate", "tls.certs", "no.pem", "expected a PEM file"],
    ),
    (
        |folder| {
            make_certificate(folder, "a");
            make_certificate(folder, "b");
            "KEY\n[default.tls]\ncerts = 'a.pem'\nkey = 'b.key'".into()
        },
        &["certificate", "do not match", "first certificate"],
    ),
    (
        |_| "KEY\n[default]\nport = TAKEN".into(),
        &["port", "already in use", "--port"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn config_check_names_each_mistake_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").port().to_string();
    let key = format!("jwt_secret = '{SECRET}'");
    for (mistake, words) in MISTAKES {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = mistake(folder.path())
            .replace("KEY", &key)
            .replace("TAKEN", &taken);
        // A port of another test's choosing is nobody's mistake here.
        let rocket_toml = format!("[default.chattrix]\n{settings}");
        fs::write(folder.path().join("Rocket.toml"), &rocket_toml).expect("a file");
        let cli = Cli::in_directory(folder.path());
        let cli = if settings.contains("port =") {
            cli
        } else {
            cli.with("ROCKET_PORT", "0")
        };
        let done = cli.run(&["config", "check"]);
        assert_eq!(done.code, 1, "{rocket_toml}: {}{}", done.out, done.err);
        let wrong: Vec<_> = done.out.split("\nwrong").collect();
        let wrong = done
            .out
            .strip_prefix("wrong")
            .map_or(wrong[wrong.len() - 1], |rest| rest);
        for word in words {
            assert!(
                wrong.contains(word),
                "{rocket_toml}: {word} is not in {wrong}"
            );
        }
        let checked = cli.run(&["config", "check", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&checked.out).expect("JSON");
        assert_eq!((checked.code, &report["ok"]), (1, &json!(false)));
        assert!(!folder.path().join("chattrix.db").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn config_check_warns_of_an_endpoint_that_is_down() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", closed.local_addr().expect("an address"));
    drop(closed);
    let (_folder, cli) = folder_with(&format!(
        "[default.chattrix]\njwt_secret = '{SECRET}'\nwebhook_url = '{url}'\nwebhook_secret = '{WEBHOOK_SECRET}'\n\
         webhook_allow_private = true"
    ));
    let report = cli.with("ROCKET_PORT", "0").json(&["config", "check"]);
    assert_eq!(report["ok"], true, "{report}");
    let checks = report["checks"].as_array().expect("a list");
    let warned: Vec<_> = checks.iter().filter(|one| one["warning"] == true).collect();
    assert_eq!(warned.len(), 1, "{report}");
    assert_eq!(warned[0]["check"], "webhooks");
    let message = warned[0]["message"].as_str().expect("a sentence");
    assert!(message.contains("does not respond"), "{message}");
}

#[rocket::async_test]
async fn config_check_beside_the_running_server_finds_nothing_wrong() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let report = cli.json(&["config", "check"]);
    assert_eq!(report["ok"], true, "{report}");
    let checks = report["checks"].as_array().expect("a list");
    let names: Vec<_> = checks.iter().map(|check| &check["check"]).collect();
    assert_eq!(names, ["settings", "key", "database", "port"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_are_taken_by_the_shell_they_are_for() {
    let (folder, cli) = folder_with("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = cli.run(&["completions", shell]).success();
        for word in ["serve", "older-than", "watch"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let script = cli.run(&["completions", "bash"]).success();
    let file = folder.path().join("completions");
    fs::write(&file, script).expect("a file");
    let complete = "source ./completions; COMP_WORDS=(chattrix db pr); COMP_CWORD=2; \
                    _chattrix chattrix pr db; echo \"${COMPREPLY[@]}\"";
    let completed = Command::new("bash")
        .args(["-c", complete])
        .current_dir(folder.path())
        .output()
        .expect("bash is there");
    assert_eq!(String::from_utf8_lossy(&completed.stdout), "prune\n");
    assert!(
        cli.run(&["completions", "tcsh"])
            .failure(2)
            .contains("bash")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn config_check_passes_before_the_first_start_of_dev_mode() {
    let (folder, cli) = folder_with("[default]\nport = 0");
    let checked = cli.json(&["config", "check", "--dev"]);
    assert_eq!(checked["ok"], true, "{checked}");
    assert_eq!(checked["checks"][1]["check"], "dev mode");
    assert!(!folder.path().join("chattrix-dev").exists());
}
