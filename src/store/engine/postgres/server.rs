//! Where a PostgreSQL database is: the URL in the setting `database`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rocket::http::RawStr;
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use crate::{regular_file, tls_client};

use super::super::super::error::Error;
use super::listen::Listener;
use super::tls::Tls;

/// Time limit for connecting to a host, if the URL has none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long sent data may stay unacknowledged before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(8);

/// PostgreSQL database by its URL.
#[derive(Clone)]
pub(in super::super::super) struct Server {
    url: PathBuf,
    config: Config,
    tls: Tls,
    password_file: Option<PathBuf>,
    /// How long to wait for it.
    patience: Duration,
    pub(super) listener: Listener,
}

impl Server {
    /// Returns the database whose URL is `path`; none if that is the path of a file.
    ///
    /// Beside the parameters of `tokio_postgres`, the URL may have `sslmode=verify-full`, `sslrootcert=FILE` and
    /// `password_file=FILE`.
    ///
    /// # Errors
    /// [`Error::Open`] if the URL cannot be used.
    pub fn of(path: &Path) -> Result<Option<Self>, Error> {
        let Some(url) = path.to_str().filter(|_| is_url(path)) else {
            return Ok(None);
        };
        // An error never shows a password.
        let has_password = has_password(path);
        let shown = if has_password {
            Path::new("postgres://…")
        } else {
            path
        };
        let cannot_open = |cause: String| Error::Open {
            path: shown.to_owned(),
            cause,
        };
        let Parts {
            url,
            password_file,
            root_certificates,
        } = Parts::of(url);
        let mut config: Config = url
            .parse()
            .map_err(|error| cannot_open(super::Causes(&error).to_string()))?;
        if config.get_password().is_some() || has_password {
            return Err(cannot_open(
                "the URL contains a password. Write it to a file and name that by password_file=FILE in the URL"
                    .to_owned(),
            ));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config
            .application_name("chattrix")
            .tcp_user_timeout(UNACKNOWLEDGED)
            .keepalives_idle(UNACKNOWLEDGED)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let pem = root_certificates.map(|file| {
            regular_file::read(file.as_ref())
                .map_err(|error| cannot_open(format!("sslrootcert {file}: {error}")))
        });
        let tls = tls_client::client_config(pem.transpose()?.as_deref())
            .ok_or_else(|| cannot_open("sslrootcert is not a list of certificates".to_owned()))?;
        Ok(Some(Self {
            url: path.to_owned(),
            config,
            tls: Tls(Arc::new(tls)),
            password_file: password_file.map(PathBuf::from),
            patience: Duration::ZERO,
            listener: Listener::default(),
        }))
    }

    /// Waits up to `patience` for the database from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Returns how long to wait for the database.
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// Returns the configuration of a connection. The password is read each time, so that it can be replaced.
    pub(super) fn config(&self) -> Result<Config, Error> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password_file {
            let password = regular_file::read_text(file).map_err(|error| {
                self.cannot_open(&format!("password_file {}: {error}", file.display()))
            })?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        Ok(config)
    }

    pub(super) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Returns the URL.
    pub fn url(&self) -> &Path {
        &self.url
    }

    pub(super) fn cannot_open(&self, cause: &dyn std::fmt::Display) -> Error {
        Error::Open {
            path: self.url.clone(),
            cause: cause.to_string(),
        }
    }
}

/// Returns whether `path` is the URL of a PostgreSQL database with a password, before the host or as a parameter.
pub(in super::super::super) fn has_password(path: &Path) -> bool {
    let Some(url) = path.to_str().filter(|_| is_url(path)) else {
        return false;
    };
    let place = url.split('?').next().unwrap_or(url);
    let place = place.split_once("://").map_or(place, |(_, place)| place);
    let user = place.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || url.contains("password=")
}

/// Returns whether `path` is the URL of a PostgreSQL database.
pub(in super::super::super) fn is_url(path: &Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// URL, and the parameters that are not those of `tokio_postgres`.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    url: String,
    password_file: Option<String>,
    root_certificates: Option<String>,
}

impl Parts {
    fn of(url: &str) -> Self {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parts = Self {
            url: place.to_owned(),
            password_file: None,
            root_certificates: None,
        };
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|one| !one.is_empty()) {
            match parameter.split_once('=') {
                Some(("password_file", file)) => parts.password_file = Some(decoded(file)),
                Some(("sslrootcert", file)) => parts.root_certificates = Some(decoded(file)),
                // The certificate and the name are checked whenever there is TLS.
                Some(("sslmode", "verify-full")) => kept.push("sslmode=require"),
                _ => kept.push(parameter),
            }
        }
        if !kept.is_empty() {
            parts.url = format!("{place}?{}", kept.join("&"));
        }
        parts
    }
}

/// Returns the file that a parameter names; the values of `tokio_postgres` are percent-encoded too.
fn decoded(file: &str) -> String {
    RawStr::new(file).percent_decode_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = "postgres://c@a,b/c?sslmode=verify-full&sslrootcert=a%20%26%20b.pem&password_file=%2Fp&port=1";
        let parts = Parts::of(url);
        assert_eq!(parts.url, "postgres://c@a,b/c?sslmode=require&port=1");
        assert_eq!(parts.password_file.as_deref(), Some("/p"));
        assert_eq!(parts.root_certificates.as_deref(), Some("a & b.pem"));
    }

    #[test]
    fn a_database_that_starts_is_waited_for() {
        let starting = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = starting.local_addr().expect("bound").port();
        let url = format!("postgres://c@127.0.0.1:{port}/c?sslmode=disable");
        let mut server = Server::of(Path::new(&url)).expect("a URL").expect("a URL");
        server.set_patience(Duration::from_secs(30));
        // It ends with the process.
        std::thread::spawn(move || super::super::Session::connect_when_reachable(&server));
        // The first connection ends without an answer.
        drop(starting.accept().expect("a connection"));
        starting.accept().expect("a second connection");
    }

    #[test]
    fn a_path_is_no_url_and_a_password_is_refused() {
        assert!(
            Server::of(Path::new("postgres.db"))
                .expect("a file")
                .is_none()
        );
        for url in [
            "postgres://a:s3cret@localhost/c",
            "postgres://localhost/c?password=s3cret",
            "postgres://a:s3cret@localhost:port/c",
        ] {
            let error = Server::of(Path::new(url)).err().expect("refused");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let secret = Server::of(Path::new("postgres://a:b@localhost/c"));
        let error = secret.err().expect("refused").to_string();
        assert!(error.contains("password_file"), "{error}");
    }
}
