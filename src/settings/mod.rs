//! Settings: one typed struct from four layers, checked once and passed on as plain values.
//!
//! Each layer overrides the one before it (contract section 6): the compiled-in defaults; `Rocket.toml`, table
//! `[default.chattrix]` or that of the selected profile; `CHATTRIX_*` variables; flags. Rocket's own settings
//! (`address`, `port`, `tls`, …) stay Rocket's and are returned as the figment with which it is started.
//!
//! An unknown key or a wrong value stops the start with a sentence that gives the key, its origin and the expected
//! value. This module does not depend on the users of a setting.

mod changes;
mod check;
mod effective;
mod error;
mod identity;
mod keys;
mod layers;
mod proxy;
mod show;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod webhook;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format as _, Toml};
use figment::{Figment, Profile};
use hyper::Uri;

use self::keys::Origins;

pub use self::changes::{Changes, changes};
pub use self::error::{Problem, SettingsError};
pub use self::identity::{Relation, RequiredClaim, is_provider_url};
pub use self::layers::Origin;
pub use self::proxy::{NoProxy, Proxy, ProxyRules};
pub use self::show::{Setting, Value};
pub use self::table::Settings;
pub use self::value::{AllowedOrigins, LogFormat, LogLevel, MIN_SECRET_BYTES, Rate};
pub use self::webhook::{Endpoint, WEBHOOK_SECRETS, WebhookSettings, webhook_secrets, webhook_url};

/// File with the development secret, in the folder of `--dev`.
const DEV_SECRET: &str = "jwt-secret";
/// Development database, in the folder of `--dev`.
const DEV_DATABASE: &str = "chattrix.db";

/// Mode of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Production: users sign in with tokens of an identity provider.
    Production,
    /// Dev mode (`--dev`) on a developer's machine: anyone on it can sign in as any user.
    Development,
}

/// Returns true if `url` names this machine: `localhost`, or an address of the loopback interface.
fn is_here(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

/// Command-line flags that override the other layers.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`: the file to read instead of `Rocket.toml`.
    pub config: Option<PathBuf>,
    /// `--dev`: the folder of dev mode.
    pub dev: Option<PathBuf>,
    /// `--database`.
    pub database: Option<PathBuf>,
    /// `--address`.
    pub address: Option<IpAddr>,
    /// `--port`.
    pub port: Option<u16>,
}

/// Returns the secret of dev mode in `folder`.
#[must_use]
pub fn dev_secret_file(folder: &Path) -> PathBuf {
    folder.join(DEV_SECRET)
}

impl Settings {
    /// Loads the settings of this process, and the figment with which Rocket is started.
    ///
    /// # Errors
    /// Every unknown key, wrong value and contradiction there is, in one error.
    pub fn load(overrides: &Overrides) -> Result<(Self, Figment), SettingsError> {
        Self::resolve(figment_of(overrides), std::env::vars_os(), overrides)
    }

    /// Reads the settings from Rocket's `figment`, from `variables` and from the flags.
    ///
    /// # Errors
    /// Every unknown key, wrong value and contradiction there is, in one error.
    pub fn resolve(
        figment: Figment,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<(Self, Figment), SettingsError> {
        Self::gather(figment, variables, overrides)
            .map(|(settings, figment, _)| (settings, figment))
    }

    /// Does the same, and returns the origin of each value.
    fn gather(
        figment: Figment,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &Overrides,
    ) -> Result<(Self, Figment, Origins), SettingsError> {
        SettingsError::unless_empty(sources::missing_file(overrides).into_iter().collect())?;
        let mut problems = Vec::new();
        let figment = rocket_settings(figment, overrides);
        let mut given = sources::from_file(&figment, &mut problems);
        let (from_variables, ignored_variables) = sources::from_variables(variables, &mut problems);
        given.extend(from_variables);
        given.extend(sources::from_flags(overrides));

        let mut settings = Self {
            ignored_variables,
            flags: overrides.clone(),
            ..Self::default()
        };
        let mut origins = keys::apply(given, &mut settings, &mut problems);
        if let Some(folder) = &overrides.dev {
            settings.enter_dev_mode(folder, overrides, &mut origins);
        }
        check::contradictions(&settings, &origins, overrides, &mut problems);
        SettingsError::unless_empty(problems)?;
        Ok((settings, figment, origins))
    }

    /// Returns true if every address may use the server API.
    #[must_use]
    pub fn allows_backend_everywhere(&self) -> bool {
        let all = &Self::default().server_api_allow;
        all.iter()
            .all(|network| self.server_api_allow.contains(network))
    }

    /// Overrides settings that would lead out of dev mode: the database, the key, required claims and webhook endpoints
    /// elsewhere, so that a production variable in the same shell does no harm. The other settings concern only this
    /// machine, and stay.
    fn enter_dev_mode(&mut self, folder: &Path, overrides: &Overrides, origins: &mut Origins) {
        self.forget_identity_provider(origins);
        // A file with `false` may be the one of the source tree, which shows every default; a variable is set on
        // purpose.
        for (key, is_served) in [
            ("console", &mut self.console),
            ("admin_page", &mut self.admin_page),
        ] {
            let is_meant = matches!(
                origins.get(key),
                Some(Origin::Variable | Origin::RocketVariable)
            );
            if !is_meant {
                *is_served = true;
                origins.insert(key, Origin::DevWorld);
            }
        }
        for given in ["jwt_secret_file", "allowed_origins"] {
            origins.insert(given, Origin::DevWorld);
        }
        if overrides.database.is_none() {
            self.database = folder.join(DEV_DATABASE);
            origins.insert("database", Origin::DevWorld);
        }
        self.jwt_secret_file = vec![dev_secret_file(folder)];
        self.allowed_origins = AllowedOrigins::Any;
        self.mode = Mode::Development;
        let tables = self.webhooks.iter().map(|webhook| &webhook.url);
        if !self
            .webhook_url
            .iter()
            .chain(tables)
            .all(|url| is_here(url))
        {
            self.forget_webhooks(origins);
        }
    }

    /// Removes the keys of production and the required claims.
    fn forget_identity_provider(&mut self, origins: &mut Origins) {
        for absent in [
            "jwt_secret",
            "jwt_public_key_file",
            "jwt_issuer_url",
            "jwt_jwks_url",
            "jwt_jwks_file",
            "jwt_issuer",
            "jwt_audience",
            "jwt_required_claims",
            "user_id_claim",
        ] {
            origins.remove(absent);
        }
        self.jwt_secret.clear();
        self.jwt_public_key_file.clear();
        self.jwt_issuer_url = None;
        self.jwt_jwks_url = None;
        self.jwt_jwks_file = None;
        self.jwt_issuer = None;
        self.jwt_audience.clear();
        self.jwt_required_claims.clear();
        self.user_id_claim = Self::default().user_id_claim;
    }

    /// Removes the webhook endpoints and their secrets, so that no webhook is sent.
    fn forget_webhooks(&mut self, origins: &mut Origins) {
        for absent in [
            "webhooks",
            "webhook_url",
            "webhook_secret",
            "webhook_secret_file",
        ] {
            origins.remove(absent);
        }
        self.webhooks.clear();
        self.webhook_url.clear();
        self.webhook_secret.clear();
        self.webhook_secret_file = None;
    }
}

/// Returns Rocket's figment, which reads the file of `--config` instead of `Rocket.toml`.
fn figment_of(overrides: &Overrides) -> Figment {
    let Some(file) = &overrides.config else {
        return rocket::Config::figment();
    };
    let profile = Profile::from_env_or("ROCKET_PROFILE", rocket::Config::DEFAULT_PROFILE);
    Figment::from(rocket::Config::default())
        .merge(Toml::file_exact(file).nested())
        .merge(Env::prefixed("ROCKET_").ignore(&["PROFILE"]).global())
        .select(profile)
}

/// Returns Rocket's figment with the flags over it; `--dev` listens on the loopback interface only.
fn rocket_settings(mut figment: Figment, overrides: &Overrides) -> Figment {
    let loopback = overrides
        .dev
        .is_some()
        .then_some(Ipv4Addr::LOCALHOST.into());
    if let Some(address) = overrides.address.or(loopback) {
        figment = figment.merge(("address", address));
    }
    if let Some(port) = overrides.port {
        figment = figment.merge(("port", port));
    }
    figment
}
