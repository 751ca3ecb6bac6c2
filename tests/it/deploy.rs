//! Samples in `deploy/`, as far as they can be checked without Docker, a web server or a service manager;
//! `scripts/test-deploy` starts nginx and Caddy, and [`super::pasted`] follows the guides that install them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};

use chattrix::settings::Settings;
use yaml_rust2::{Yaml, YamlLoader};

use crate::docs::{ROOT, text};
use crate::support::{Cli, eventually, free_port};

/// Rocket's own settings that are given by variables here.
const ROCKETS: [&str; 2] = ["ROCKET_ADDRESS", "ROCKET_PORT"];

/// The words of `text` that look like a setting's variable.
fn variables(text: &str) -> BTreeSet<&str> {
    let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let words = text.split(|c| !is_of_name(c));
    words
        .filter(|word| word.starts_with("CHATTRIX_") || word.starts_with("ROCKET_"))
        .collect()
}

/// The words of `text` that stand as a key before an equals sign.
fn keys(text: &str) -> impl Iterator<Item = &str> {
    let before = text.lines().filter_map(|line| line.split_once(" = "));
    before.filter_map(|(before, _)| before.split_whitespace().last())
}

#[test]
fn every_setting_that_a_sample_names_is_there() {
    let names: BTreeSet<_> = Settings::reference().iter().map(|one| one.name).collect();
    for sample in [
        "Caddyfile",
        "Dockerfile",
        "chattrix.service",
        "compose.yaml",
        "failover/Caddyfile",
        "failover/compose.yaml",
        "haproxy.cfg",
        "kubernetes.yaml",
        "nginx.conf",
    ] {
        let text = text(&format!("deploy/{sample}"));
        for variable in variables(&text) {
            let name = variable.trim_start_matches("CHATTRIX_").to_lowercase();
            let known = names.contains(&*name) || ROCKETS.contains(&variable);
            assert!(known, "{sample}: there is no setting {variable}");
        }
        for key in keys(&text) {
            assert!(names.contains(key), "{sample}: there is no setting {key}");
        }
    }
}

#[test]
fn systemd_unit_allows_enough_files_and_time() {
    let unit = text("deploy/chattrix.service");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key));
        let value = line.unwrap_or_else(|| panic!("the unit has no {key}"));
        value.parse::<usize>().expect("a number")
    };
    assert!(value("LimitNOFILE=") > Settings::default().max_connections);
    // The longest stop (docs/architecture.md, "Limits").
    assert!(value("TimeoutStopSec=") > 5);
    // It says twice in that time that it is alive; a slow disk must not look like death.
    assert!(value("WatchdogSec=") >= 10);
}

/// The variables that the image sets.
fn of_the_image(dockerfile: &str) -> Vec<(String, String)> {
    let (_, rest) = dockerfile.split_once("\nENV ").expect("it sets some");
    let mut lines = Vec::new();
    for line in rest.lines() {
        lines.push(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            break;
        }
    }
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    let pairs = words.filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn compose() -> Yaml {
    let documents = YamlLoader::load_from_str(&text("deploy/compose.yaml")).expect("YAML");
    documents.into_iter().next().expect("a document")
}

/// The texts of a list.
fn texts(list: &Yaml) -> Vec<&str> {
    let items = list.as_vec().expect("a list").iter();
    items.map(|item| item.as_str().expect("a text")).collect()
}

#[test]
fn the_compose_file_fits_together() {
    let compose = compose();
    let [server, caddy] = ["chattrix", "caddy"].map(|name| &compose["services"][name]);
    let dockerfile = server["build"]["dockerfile"].as_str().expect("a path");
    let dockerfile = text(dockerfile);
    for service in [server, caddy] {
        for network in texts(&service["networks"]) {
            assert!(!compose["networks"][network].is_badvalue(), "{network}");
        }
        for volume in texts(&service["volumes"]) {
            let (from, _) = volume.split_once(':').expect("from and to");
            let there = match from.strip_prefix("./") {
                Some(file) => Path::new(ROOT).join("deploy").join(file).exists(),
                None => compose["volumes"]
                    .as_hash()
                    .is_some_and(|volumes| volumes.contains_key(&Yaml::String(from.to_owned()))),
            };
            assert!(there, "{volume}");
        }
    }
    // It is asked for, so something has to answer.
    assert_eq!(
        caddy["depends_on"]["chattrix"]["condition"].as_str(),
        Some("service_healthy")
    );
    assert!(
        dockerfile.contains("\nHEALTHCHECK ")
            && dockerfile.contains("CMD [\"/chattrix\", \"healthcheck\"]")
    );
    let port = of_the_image(&dockerfile)
        .into_iter()
        .find(|(name, _)| name == "ROCKET_PORT");
    let (_, port) = port.expect("the image sets it");
    let upstream = format!("chattrix:{port}");
    assert_eq!(
        caddy["environment"]["CALLS_UPSTREAM"].as_str(),
        Some(&*upstream)
    );
    assert!(dockerfile.contains(&format!("\nEXPOSE {port}\n")));
    // Its only neighbours are believed about their clients.
    let subnet = &compose["networks"]["inside"]["ipam"]["config"][0]["subnet"];
    assert_eq!(&server["environment"]["CHATTRIX_TRUSTED_PROXIES"], subnet);
    for secret in texts(&server["secrets"]) {
        assert!(
            compose["secrets"][secret]["file"].as_str().is_some(),
            "{secret}"
        );
    }
    let files = server["ulimits"]["nofile"].as_i64().expect("a number");
    assert!(usize::try_from(files).expect("positive") > Settings::default().max_connections);
    let rust = format!("FROM rust:{}-alpine ", env!("CARGO_PKG_RUST_VERSION"));
    assert!(
        dockerfile.contains(&rust),
        "the image is built with another Rust than {rust}"
    );
}

#[test]
fn samples_for_several_machines_fit_together() {
    let compose = text("deploy/failover/compose.yaml");
    let documents = YamlLoader::load_from_str(&compose).expect("YAML");
    let services = &documents[0]["services"];
    // The example names each database in the URL, and each server behind Caddy.
    let node = &services["node1"];
    assert_eq!(node, &services["node2"]);
    let url = &node["environment"]["CHATTRIX_DATABASE"];
    for database in ["db1", "db2", "db3"] {
        assert_eq!(services[database]["hostname"].as_str(), Some(database));
        assert!(url.as_str().is_some_and(|url| url.contains(database)));
    }
    let upstream = services["caddy"]["environment"]["CALLS_UPSTREAM"].as_str();
    assert_eq!(upstream, Some("node1:8000 node2:8000"));
    let subnet = &documents[0]["networks"]["inside"]["ipam"]["config"][0]["subnet"];
    assert_eq!(&node["environment"]["CHATTRIX_TRUSTED_PROXIES"], subnet);

    let manifest = text("deploy/kubernetes.yaml");
    let documents = YamlLoader::load_from_str(&manifest).expect("YAML");
    let kinds = documents.iter().map(|one| one["kind"].as_str());
    let kinds: Vec<_> = kinds.map(|kind| kind.expect("a kind")).collect();
    let expected = ["Secret", "Deployment", "Service", "PodDisruptionBudget"];
    assert_eq!(kinds, expected);
    let [secret, deployment, service, budget] = [0, 1, 2, 3].map(|place| &documents[place]);
    assert_eq!(deployment["spec"]["replicas"].as_i64(), Some(3));
    let pod = &deployment["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    // Variables of the service would look like settings, and stop the server.
    assert_eq!(pod["spec"]["enableServiceLinks"].as_bool(), Some(false));
    let server = &pod["spec"]["containers"][0];
    let probes = ["readinessProbe", "livenessProbe"].map(|probe| &server[probe]["httpGet"]["path"]);
    assert_eq!(
        probes.map(Yaml::as_str),
        [Some("/readyz"), Some("/healthz")]
    );
    let mounted = server["volumeMounts"][1]["mountPath"].as_str();
    let secrets = secret["stringData"].as_hash().expect("a table").keys();
    for file in secrets.map(|name| name.as_str().expect("a text")) {
        let path = format!("{}/{file}", mounted.expect("a path"));
        assert!(manifest.contains(&path), "{path}");
    }
}

/// A server, ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_containers_settings_starts_and_is_healthy() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("jwt-secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("a file");
    let dockerfile = text("deploy/Dockerfile");
    let mut settings = of_the_image(&dockerfile);
    let compose = compose();
    let environment = &compose["services"]["chattrix"]["environment"];
    for (name, value) in environment.as_hash().expect("a table") {
        let [name, value] = [name, value].map(|one| one.as_str().expect("a text").to_owned());
        settings.push((name, value));
    }
    let mut cli = Cli::in_directory(folder.path());
    let port = free_port().to_string();
    for (name, value) in &settings {
        // What is elsewhere on this machine.
        let here = match name.as_str() {
            "ROCKET_PORT" => port.as_str(),
            "ROCKET_ADDRESS" => "127.0.0.1",
            "CHATTRIX_DATABASE" => "chattrix.db",
            "CHATTRIX_JWT_SECRET_FILE" => secret.to_str().expect("a text"),
            _ => value,
        };
        cli = cli.with(name, here);
    }
    let serve = cli.command(&["serve"]).stderr(Stdio::null()).spawn();
    let _server = Ended(serve.expect("the binary starts"));
    // As the container is asked: at the address that means all of them.
    let inside = cli.clone().with("ROCKET_ADDRESS", "0.0.0.0");
    eventually("the server to be healthy", async || {
        inside.run(&["healthcheck"]).code == 0
    })
    .await;
    let added = inside.run(&["user", "add", "alice", "--name", "Alice"]);
    assert_eq!(added.code, 0, "{}", added.err);
}

#[test]
fn prometheus_rules_and_samples_are_valid_yaml() {
    let operate = text("docs/operate.md");
    let blocks = operate.split("```yaml\n").skip(1);
    let samples = blocks.filter_map(|rest| rest.split("\n```").next());
    let rules = text("docs/alerts.yml");
    for sample in samples.chain([rules.as_str()]) {
        let read = YamlLoader::load_from_str(sample);
        assert!(read.is_ok_and(|all| all.len() == 1), "{sample}");
    }
}
