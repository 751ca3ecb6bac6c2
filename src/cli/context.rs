//! Settings and database of a command: those of the working directory, or of dev mode.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chattrix::random::Random;
use chattrix::settings::{Overrides, Settings, dev_secret_file};
use chattrix::store::{self, Database};
use figment::Figment;

use super::GlobalArgs;
use super::error::CliError;

/// Folder of dev mode in the working directory.
pub const DEV_FOLDER: &str = "chattrix-dev";

/// Settings of a command, and the configuration of Rocket.
pub struct Context {
    pub settings: Settings,
    pub figment: Figment,
}

impl GlobalArgs {
    /// Returns the settings that flags override.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            dev: self.dev.then(|| PathBuf::from(DEV_FOLDER)),
            config: self.config.clone(),
            database: self.database.clone(),
            ..Overrides::default()
        }
    }

    /// Returns whether `--dev` is given and dev mode was never started in the working directory.
    pub fn is_first_dev_start(&self) -> bool {
        self.dev && !dev_secret_file(Path::new(DEV_FOLDER)).is_file()
    }

    /// Returns the context of a command that works beside a server.
    pub fn context(&self) -> Result<Context, CliError> {
        if self.is_first_dev_start() {
            return Err(CliError::new(format!(
                "dev mode was never started in this directory: {DEV_FOLDER}/ is missing"
            ))
            .hint("start it first: chattrix serve --dev"));
        }
        Context::load(&self.overrides())
    }
}

impl Context {
    /// Loads the settings with `overrides` applied.
    pub fn load(overrides: &Overrides) -> Result<Self, CliError> {
        let (settings, figment) = Settings::load(overrides)?;
        Ok(Self { settings, figment })
    }

    /// Opens the database, and creates it if it is missing.
    pub fn database(&self) -> Result<Database, CliError> {
        Ok(Database::open(&self.settings.database)?)
    }

    /// Opens an existing database for changes.
    pub fn existing_database(&self) -> Result<Database, CliError> {
        self.require_database()?;
        self.database()
    }

    /// Opens an existing database for reading; the file does not change.
    pub fn database_to_read(&self) -> Result<Database, CliError> {
        self.require_database()?;
        Ok(Database::open_for_reading(&self.settings.database)?)
    }

    /// Opens an existing database of any version for reading.
    pub fn database_as_it_is(&self) -> Result<Database, CliError> {
        self.require_database()?;
        Ok(Database::open_as_it_is(&self.settings.database)?)
    }

    /// Fails if the database is missing. A reading command must not create one: that would hide that the user is
    /// in the wrong directory.
    pub fn require_database(&self) -> Result<(), CliError> {
        let file = &self.settings.database;
        if !store::is_present(file) {
            return Err(
                CliError::new(format!("there is no database {}", file.display())).hint(
                    "run this in the directory of the server, or name a file with --database or --dev; \
                     `chattrix serve` and `chattrix user add` create one",
                ),
            );
        }
        Ok(())
    }

    /// Returns the URL of a server with these settings, as seen from this machine, without a path.
    pub fn server_url(&self) -> Result<String, CliError> {
        let config = rocket::Config::try_from(&self.figment)
            .map_err(|error| CliError::new(error.to_string()))?;
        Ok(base_url(config.tls_enabled(), config.address, config.port))
    }
}

/// Returns the URL of a server that listens on `address`, as seen from the same machine.
pub fn base_url(tls: bool, address: IpAddr, port: u16) -> String {
    let scheme = if tls { "https" } else { "http" };
    let address = match address {
        IpAddr::V4(v4) if v4.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) if v6.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    format!("{scheme}://{address}:{port}")
}

/// Creates the folder and the secret of dev mode if they are missing.
pub fn prepare_dev_mode() -> Result<(), CliError> {
    let folder = Path::new(DEV_FOLDER);
    let failed = |error: io::Error| CliError::new(format!("cannot create {DEV_FOLDER}/: {error}"));
    private_folder()
        .recursive(true)
        .create(folder)
        .map_err(failed)?;
    // `git add .` must not publish the secret.
    fs::write(folder.join(".gitignore"), "*\n").map_err(failed)?;
    match private_file().open(dev_secret_file(folder)) {
        Ok(mut file) => {
            let secret = Random::System
                .value::<[u8; 32]>()
                .map(|byte| format!("{byte:02x}"))
                .concat();
            file.write_all(secret.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Returns options for a new file that only its owner may read.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Returns a builder for a folder that only its owner may enter.
fn private_folder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes are Unix's"))]
    let mut folder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_becomes_loopback() {
        let url = |address: &str| base_url(false, address.parse().expect("an address"), 8000);
        assert_eq!(url("0.0.0.0"), "http://127.0.0.1:8000");
        assert_eq!(url("::"), "http://[::1]:8000");
        assert_eq!(url("192.0.2.7"), "http://192.0.2.7:8000");
        assert_eq!(url("2001:db8::1"), "http://[2001:db8::1]:8000");
    }
}
