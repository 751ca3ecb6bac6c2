//! Names of a database file: symbolic links to it, and the files beside it.

use std::fs;
use std::path::{Path, PathBuf};

/// Maximum number of symbolic links in a row, as in Linux (`path_resolution(7)`).
const LINKS: usize = 40;

/// Returns the file that `path` names: symbolic links are followed, also to a file that does not exist yet.
#[must_use]
pub fn data_path(path: &Path) -> PathBuf {
    let mut data = path.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&data) else {
            break;
        };
        // A relative target starts from the folder of the link.
        data = match data.parent() {
            Some(folder) => folder.join(target),
            None => target,
        };
    }
    data
}

/// Returns the file beside the data of the database `path` whose name is longer by `suffix`: the same file for every
/// symbolic link to the data.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = data_path(path).into_os_string();
    name.push(suffix);
    name.into()
}

/// Returns whether SQLite would open another database than the file `path`: it reads `file:` as a URI, and `:memory:` and
/// an empty name as a database without a file (sqlite.org/c3ref/open.html).
pub(super) fn is_sqlite_name(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    name.starts_with(b"file:") || name == b":memory:" || name.is_empty()
}
