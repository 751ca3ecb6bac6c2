//! Where a command works: the settings of this directory, or the development folder.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chattrix::settings::{Overrides, Settings, dev_secret_file};
use chattrix::store::Database;
use figment::Figment;

use super::GlobalArgs;
use super::error::CliError;

/// The folder of the development folder, in the working directory.
pub const DEV_FOLDER: &str = "chattrix-dev";

/// The settings of a command, and what Rocket is started with.
pub struct Context {
    pub settings: Settings,
    pub figment: Figment,
}

impl GlobalArgs {
    /// What the flags lay over the settings.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            dev: self.dev.then(|| PathBuf::from(DEV_FOLDER)),
            database: self.database.clone(),
            ..Overrides::default()
        }
    }

    /// The context of a command that works beside a server.
    pub fn context(&self) -> Result<Context, CliError> {
        if self.dev && !dev_secret_file(Path::new(DEV_FOLDER)).is_file() {
            return Err(CliError::new(format!(
                "there is no development world in this directory ({DEV_FOLDER}/)"
            ))
            .hint("start one here first: chattrix serve --dev"));
        }
        Context::load(&self.overrides())
    }
}

impl Context {
    /// The context in which `overrides` are laid over the settings.
    pub fn load(overrides: &Overrides) -> Result<Self, CliError> {
        let (settings, figment) = Settings::load(overrides)?;
        Ok(Self { settings, figment })
    }

    /// The database, made where there is none.
    pub fn database(&self) -> Result<Database, CliError> {
        Ok(Database::open(&self.settings.database)?)
    }

    /// The database if there is one, to be changed.
    pub fn existing_database(&self) -> Result<Database, CliError> {
        self.require_database()?;
        self.database()
    }

    /// The database if there is one, to be looked into: not a byte of it changes.
    pub fn database_to_read(&self) -> Result<Database, CliError> {
        self.require_database()?;
        Ok(Database::open_for_reading(&self.settings.database)?)
    }

    /// The database if there is one, of whatever version, to be looked at as a whole.
    pub fn database_as_it_is(&self) -> Result<Database, CliError> {
        self.require_database()?;
        Ok(Database::open_as_it_is(&self.settings.database)?)
    }

    /// To look into a database must not make one: that would hide that somebody is in the wrong
    /// directory.
    pub fn require_database(&self) -> Result<(), CliError> {
        let file = &self.settings.database;
        if !file.exists() {
            return Err(
                CliError::new(format!("there is no database {}", file.display())).hint(
                    "is this the directory of the server? --database FILE names another, --dev the \
                 development one; `chattrix serve` and `chattrix user add` make one",
                ),
            );
        }
        Ok(())
    }

    /// Where a server with these settings is found from this machine: its URL without a path.
    pub fn server_url(&self) -> Result<String, CliError> {
        let config = rocket::Config::try_from(&self.figment)
            .map_err(|error| CliError::new(error.to_string()))?;
        Ok(base_url(config.tls_enabled(), config.address, config.port))
    }
}

/// The URL at which a server that listens on `address` is reached from the same machine.
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

/// Makes the development folder's folder and secret where they are missing.
pub fn prepare_dev_world() -> Result<(), CliError> {
    let folder = Path::new(DEV_FOLDER);
    let failed = |error: io::Error| CliError::new(format!("{DEV_FOLDER}/ cannot be made: {error}"));
    private_folder()
        .recursive(true)
        .create(folder)
        .map_err(failed)?;
    // Somebody's `git add .` must not publish the secret.
    fs::write(folder.join(".gitignore"), "*\n").map_err(failed)?;
    match private_file().open(dev_secret_file(folder)) {
        Ok(mut file) => {
            let secret = rand::random::<[u8; 32]>()
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

/// A new file that only its owner may read.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A folder that only its owner may enter.
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
    fn a_server_that_listens_everywhere_is_reached_on_the_loopback_interface() {
        let url = |address: &str| base_url(false, address.parse().expect("an address"), 8000);
        assert_eq!(url("0.0.0.0"), "http://127.0.0.1:8000");
        assert_eq!(url("::"), "http://[::1]:8000");
        assert_eq!(url("192.0.2.7"), "http://192.0.2.7:8000");
        assert_eq!(url("2001:db8::1"), "http://[2001:db8::1]:8000");
    }
}
