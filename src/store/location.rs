//! Location of a database: a file, or the URL of PostgreSQL.

use std::path::Path;

use super::engine;

/// Returns whether `path` is the URL of a PostgreSQL database.
#[must_use]
pub fn is_url(path: &Path) -> bool {
    engine::is_url(path)
}

/// Returns whether `path` is the URL of a PostgreSQL database with a password, which is refused and never shown.
#[must_use]
pub fn has_password(path: &Path) -> bool {
    engine::has_password(path)
}

/// Returns the name of the PostgreSQL database in the URL `database`, without what a file name cannot have.
#[must_use]
pub fn name_in_url(database: &Path) -> String {
    let url = database.to_string_lossy();
    let place = url.split('?').next().unwrap_or_default();
    let name = place.rsplit('/').next().unwrap_or_default();
    name.chars()
        .filter(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-'))
        .collect()
}

/// Returns whether there is a database at `path`, as far as that is known without opening it.
#[must_use]
pub fn is_present(path: &Path) -> bool {
    is_url(path) || path.exists()
}
