//! Rotation of a secret and of a key pair, by the steps in docs/identity.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jsonwebtoken::{Algorithm, EncodingKey};

use crate::reload::Server;
use crate::support::{Api, Process, within};

/// Commands and settings of a step, in their order: what stands between backticks.
type Step = Vec<String>;

/// Reads the numbered steps after the comment `rotation: NAME`.
fn steps(name: &str) -> Vec<Step> {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/identity.md");
    let page = fs::read_to_string(page).expect("it can be read");
    let section = page
        .split_once(&format!("<!-- rotation: {name} -->\n"))
        .expect("the steps")
        .1;
    let section = section.split("\n\n").next().expect("a list");
    let mut steps: Vec<Step> = Vec::new();
    for line in section.split_inclusive('\n') {
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            steps.push(Step::new());
        }
        let codes = line.split('`').skip(1).step_by(2).map(str::to_owned);
        steps
            .last_mut()
            .expect("a numbered line first")
            .extend(codes);
    }
    assert_eq!(steps.len(), 4, "{name}");
    steps
}

/// Does a step in the folder of `server`.
fn follow(server: &Server, step: &Step) {
    for code in step {
        if code.starts_with("openssl ") {
            run(server.folder(), code);
        } else if code.starts_with("jwt_") {
            server.write(code);
        } else if code == "chattrix config reload" {
            let reloaded = server.cli().run(&["config", "reload"]);
            assert_eq!(reloaded.code, 0, "{}", reloaded.err);
        } else {
            panic!("the test cannot do {code}");
        }
    }
}

fn run(folder: &Path, command: &str) {
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", command]).current_dir(folder).output();
    let done = done.expect("a shell");
    assert!(
        done.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A client whose token the secret in `file` signs.
fn by_secret(server: &Server, user: &str, file: &str) -> Api {
    let secret = fs::read_to_string(server.folder().join(file)).expect("a secret");
    sign_in(
        server,
        user,
        Algorithm::HS256,
        &EncodingKey::from_secret(secret.trim_end().as_bytes()),
    )
}

/// A client whose token the private key in `file` signs.
fn by_key(server: &Server, user: &str, file: &str) -> Api {
    let pem = fs::read(server.folder().join(file)).expect("a key");
    sign_in(
        server,
        user,
        Algorithm::EdDSA,
        &EncodingKey::from_ed_pem(&pem).expect("Ed25519"),
    )
}

fn sign_in(server: &Server, user: &str, algorithm: Algorithm, key: &EncodingKey) -> Api {
    let token = Process::token(user).sign_with(algorithm, key);
    Api::new(server.address(), Some(token))
}

/// Follows the steps of `name`; `client` makes a client of the old or of the new key.
async fn rotate(server: &Server, name: &str, client: impl Fn(bool) -> Api) {
    let steps = steps(name);
    let old = client(false);
    let mut old_socket = old.socket().await;
    follow(server, &steps[0]);
    follow(server, &steps[1]);
    let new = client(true);
    let mut new_socket = new.socket().await;
    assert_eq!(
        (old.active().await.status, new.active().await.status),
        (200, 200)
    );
    follow(server, &steps[2]);
    follow(server, &steps[3]);
    assert_eq!(
        (old.active().await.status, new.active().await.status),
        (401, 200)
    );
    let (code, _) = within("the close", old_socket.expect_close()).await;
    assert_eq!(code, 4001);
    assert_eq!(new_socket.heartbeat_or_close().await, None, "it stays open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_rotated_by_the_documented_steps() {
    let prepare = |folder: &Path| run(folder, "openssl rand -hex 32 >jwt-secret");
    let server = Server::start_in("jwt_secret_file = \"jwt-secret\"", prepare).await;
    rotate(&server, "secret", |is_new| {
        let (user, file) = if is_new {
            ("bob", "jwt-secret-new")
        } else {
            ("alice", "jwt-secret")
        };
        by_secret(&server, user, file)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_pair_is_rotated_by_the_documented_steps() {
    let prepare = |folder: &Path| {
        run(
            folder,
            "openssl genpkey -algorithm ed25519 -out private.pem",
        );
        run(
            folder,
            "openssl pkey -in private.pem -pubout -out public.pem",
        );
    };
    let server = Server::start_in("jwt_public_key_file = \"public.pem\"", prepare).await;
    rotate(&server, "key pair", |is_new| {
        let (user, file) = if is_new {
            ("bob", "private-new.pem")
        } else {
            ("alice", "private.pem")
        };
        by_key(&server, user, file)
    })
    .await;
}
