//! `chattrix config check`: runs every check of a server start without the start.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use chattrix::auth::Authenticator;
use chattrix::regular_file;
use chattrix::settings::Settings;
use chattrix::store::{self, Database, Lock};
use chattrix::webhook::{EndpointError, Sender};
use clap::Args;
use either::Either;
use rocket::config::TlsConfig;
use rocket::http::tls::rustls::crypto::ring;
use rocket::http::tls::rustls::server::ServerConfig;
use rocket::http::tls::util::{load_certs, load_private_key};
use rustix::fs::{Access, access};
use serde_json::json;

use super::super::context::DEV_FOLDER;
use super::super::control_client::runtime;
use super::super::error::CliError;
use super::super::output::{self, Tint};
use super::super::serve::bind_failure;
use super::super::{GlobalArgs, format};

/// The arguments of `chattrix config check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix config check\n  \
    CHATTRIX_JWT_SECRET_FILE=jwt-secret chattrix config check --json\n\n\
    It checks the settings, the token keys, the identity provider, the database, the certificate, \
    the port and the webhook endpoints, and changes nothing. The exit code is 1 if the server would not start, or would \
    not send to an endpoint. A warning, such as for an endpoint that does not respond, does not count. The server may \
    run.")]
pub struct Check {
    /// Print JSON: {ok, checks: [{check, ok, warning, message}]}
    #[arg(long)]
    json: bool,
}

/// Result of a check: what is in order, or what is wrong and what to do.
struct Outcome {
    check: &'static str,
    found: Result<String, String>,
    /// Whether the server starts in spite of it.
    is_warning: bool,
}

impl Check {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let outcomes = check_all(global);
        let wrong = outcomes.iter().filter(|one| one.is_wrong()).count();
        if self.json {
            let checks: Vec<_> = outcomes.iter().map(Outcome::to_json).collect();
            output::json(&json!({ "ok": wrong == 0, "checks": checks }))?;
        } else {
            for outcome in &outcomes {
                outcome.print()?;
            }
        }
        match wrong {
            0 => Ok(()),
            1 => Err(CliError::new("1 check failed")),
            _ => Err(CliError::new(format!("{wrong} checks failed"))),
        }
    }
}

impl Outcome {
    const fn new(check: &'static str, found: Result<String, String>) -> Self {
        Self {
            check,
            found,
            is_warning: false,
        }
    }

    const fn is_wrong(&self) -> bool {
        self.found.is_err() && !self.is_warning
    }

    fn to_json(&self) -> serde_json::Value {
        let (Ok(message) | Err(message)) = &self.found;
        json!({
            "check": self.check, "ok": !self.is_wrong(), "warning": self.is_warning, "message": message,
        })
    }

    fn print(&self) -> io::Result<()> {
        let (word, tint, message) = match &self.found {
            Ok(message) => ("ok", Tint::Good, message),
            Err(message) if self.is_warning => ("warn", Tint::Odd, message),
            Err(message) => ("wrong", Tint::Bad, message),
        };
        let word = output::tinted(&format!("{word:5}"), Some(tint));
        output::line(&format!(
            "{word}  {:11}  {}",
            self.check,
            message.replace('\n', "\n                    ")
        ))
    }
}

fn check_all(global: &GlobalArgs) -> Vec<Outcome> {
    let (settings, figment) = match Settings::load(&global.overrides()) {
        Ok(loaded) => loaded,
        // Nothing more can be said of the rest.
        Err(error) => {
            let outcome = |problem: &chattrix::settings::Problem| {
                Outcome::new("settings", Err(problem.to_string()))
            };
            return error.problems().iter().map(outcome).collect();
        }
    };
    let outcome = Outcome::new;
    let mut outcomes = vec![outcome(
        "settings",
        Ok("all keys are known and all values valid".to_owned()),
    )];
    if global.is_first_dev_start() {
        let message = format!("the first start will create a key and a database in {DEV_FOLDER}/");
        outcomes.push(outcome("dev mode", Ok(message)));
    } else {
        outcomes.push(outcome("key", key(&settings)));
        outcomes.push(outcome("database", database(&settings.database)));
    }
    if let Some(found) = provider(&settings) {
        outcomes.push(outcome("provider", found));
    }
    outcomes.extend(webhooks(&settings));
    // Settings that can be loaded have a configuration of Rocket's.
    if let Ok(config) = rocket::Config::try_from(&figment) {
        if let Some(tls) = &config.tls {
            outcomes.push(outcome("certificate", certificate(tls)));
        }
        let address = SocketAddr::new(config.address, config.port);
        outcomes.push(outcome("port", port(address, &settings.database)));
    }
    outcomes
}

fn key(settings: &Settings) -> Result<String, String> {
    let authenticator =
        Authenticator::from_settings(settings).map_err(|error| error.to_string())?;
    Ok(if authenticator.can_mint() {
        "a secret verifies tokens; `chattrix token` can sign them".to_owned()
    } else {
        "public keys verify tokens; only the identity provider can sign them".to_owned()
    })
}

/// Loads the keys of the identity provider, if there is one. The server starts without them, and its tokens get 503.
fn provider(settings: &Settings) -> Option<Result<String, String>> {
    let authenticator = Authenticator::from_settings(settings).ok()?;
    authenticator.provider()?;
    let runtime = runtime().ok()?;
    if let Err(problem) = runtime.block_on(authenticator.fetch()) {
        return Some(Err(problem));
    }
    let keys = authenticator.keys();
    let kids: Vec<_> = keys.iter().filter_map(|key| key.kid.as_deref()).collect();
    let advice = if settings.jwt_audience.is_empty() && settings.jwt_required_claims.is_empty() {
        "; set jwt_audience: without it, tokens for other applications are accepted"
    } else {
        ""
    };
    Some(Ok(format!(
        "{} keys loaded: {}{advice}",
        authenticator.provider()?.keys,
        output::printable(&kids.join(" "))
    )))
}

/// Checks the secrets of webhooks, and each endpoint, if there are any.
fn webhooks(settings: &Settings) -> Vec<Outcome> {
    let outcome = |found| Outcome::new("webhooks", found);
    let sender = match Sender::from_settings(settings) {
        Ok(sender) => sender,
        Err(error) => return vec![outcome(Err(error.to_string()))],
    };
    let endpoints = settings.webhook_url.len() + settings.webhooks.len();
    let Some(runtime) = runtime().ok().filter(|_| endpoints > 0) else {
        return Vec::new();
    };
    let problems = runtime.block_on(sender.probe());
    if problems.is_empty() {
        return vec![outcome(Ok(format!(
            "endpoints: {endpoints}; test them with `chattrix webhook test`"
        )))];
    }
    let problems = problems.into_iter().map(|(url, problem)| match problem {
        EndpointError::Refused(why) => {
            outcome(Err(format!("the server would not send to {url}: {why}")))
        }
        EndpointError::Unreachable(why) => Outcome {
            is_warning: true,
            ..outcome(Err(format!("{url} does not respond: {why}")))
        },
    });
    problems.collect()
}

fn database(path: &Path) -> Result<String, String> {
    if store::is_url(path) {
        return postgres(path);
    }
    let file = path.display();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(format!(
            "`database` names {file}, but the folder {} does not exist: create it for the user of \
             the server",
            folder.display()
        ));
    }
    // Beside it stand its log and its lock.
    for needed in [Some(folder), path.exists().then_some(path)]
        .into_iter()
        .flatten()
    {
        if access(needed, Access::WRITE_OK).is_err() {
            return Err(format!(
                "this user cannot write {}; `database` names {file}: change its owner to the user of \
                 the server (chown), and run this command as that user",
                needed.display()
            ));
        }
    }
    if !path.exists() {
        return Ok(format!("the first start will create {file}"));
    }
    let database = Database::open_as_it_is(path).map_err(|error| error.to_string())?;
    let (version, known) = (database.version(), Database::KNOWN_VERSION);
    let size = format::bytes(path.metadata().map_or(0, |metadata| metadata.len()));
    Ok(if version < known {
        format!("the next start will upgrade {file}, {size}, from version {version} to {known}")
    } else {
        format!("{file}, {size}, version {version}")
    })
}

/// Connects to PostgreSQL. An empty database is fine: the first start makes the tables.
fn postgres(url: &Path) -> Result<String, String> {
    match Database::open_as_it_is(url) {
        Ok(database) => Ok(format!("{}, version {}", url.display(), database.version())),
        Err(store::Error::IsEmpty { .. }) => Ok(format!(
            "{}, empty: the first start will create the tables",
            url.display()
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether Rocket will take the certificate, by its own functions.
fn certificate(tls: &TlsConfig) -> Result<String, String> {
    let certs = read(tls.certs(), "tls.certs", |reader| load_certs(reader))?;
    let key = read(tls.key(), "tls.key", |reader| load_private_key(reader))?;
    if certs.is_empty() {
        return Err("tls.certs has no certificate: expected PEM, BEGIN CERTIFICATE".to_owned());
    }
    let count = certs.len();
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(certs, key))
        .map_err(|error| {
            format!("tls.certs and tls.key do not match ({error}): expected the key of the first certificate")
        })?;
    Ok(format!("a chain of {count} with its key"))
}

fn read<T>(
    from: Either<std::path::PathBuf, &[u8]>,
    setting: &str,
    load: impl FnOnce(&mut dyn io::BufRead) -> io::Result<T>,
) -> Result<T, String> {
    match from {
        Either::Left(path) => regular_file::read(&path)
            .and_then(|bytes| load(&mut bytes.as_slice()))
            .map_err(|error| {
                format!(
                    "{setting} names {}, which is not valid: {error}; expected a PEM file",
                    path.display()
                )
            }),
        Either::Right(mut bytes) => {
            load(&mut bytes).map_err(|error| format!("{setting} is not valid: {error}"))
        }
    }
}

fn port(address: SocketAddr, database: &Path) -> Result<String, String> {
    let Err(error) = TcpListener::bind(address) else {
        return Ok(format!("{address} is free"));
    };
    if error.kind() == io::ErrorKind::AddrInUse && Lock::is_held(database).unwrap_or(false) {
        return Ok(format!(
            "{address} is in use, and a server runs on this database"
        ));
    }
    Err(bind_failure(&error, address).to_string())
}
