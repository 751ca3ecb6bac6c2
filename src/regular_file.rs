//! Small file that a setting names: a secret, a key or certificates.

use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// Maximum size: twice the certificate bundle of a system, which is the largest of these files.
const MAX_BYTES: u64 = 512 * 1024;

/// Returns the content of the regular file at `path`, or of the one that a symbolic link there leads to, as in a mounted
/// secret of Kubernetes. Opening a FIFO would wait for its other end, and a device may have no end.
///
/// # Errors
/// The file cannot be read, is of another kind or is too large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(kind) = other_kind(fs::metadata(path)?.file_type()) {
        return Err(unsuitable(format!("it is {kind}, expected a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unsuitable(format!(
            "it is larger than {} KiB",
            MAX_BYTES / 1024
        )));
    }
    Ok(bytes)
}

/// Returns the text of the file that [`read`] reads.
///
/// # Errors
/// As for [`read`], and if the file is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| unsuitable("it is not UTF-8".to_owned()))
}

/// Returns the kind of a file that is not a regular one.
#[must_use]
pub fn other_kind(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_fifo() => Some("a FIFO"),
        _ if kind.is_socket() => Some("a socket"),
        _ if kind.is_char_device() || kind.is_block_device() => Some("a device"),
        _ if kind.is_dir() => Some("a directory"),
        _ => None,
    }
}

fn unsuitable(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_regular_file_of_limited_size_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("secret"), "s3cret").expect("written");
        symlink("secret", at("link")).expect("linked");
        assert_eq!(read_text(&at("link")).expect("a regular file"), "s3cret");
        let made = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(made.expect("mkfifo").success());
        symlink("/dev/zero", at("zero")).expect("linked");
        let large = File::create(at("large")).expect("created");
        large.set_len(MAX_BYTES + 1).expect("extended");
        fs::write(at("bytes"), [0xff]).expect("written");
        for (name, problem) in [
            ("fifo", "a FIFO, expected a regular file"),
            ("zero", "a device, expected a regular file"),
            (".", "a directory, expected a regular file"),
            ("large", "larger than 512 KiB"),
            ("bytes", "not UTF-8"),
        ] {
            let error = read_text(&at(name)).expect_err(name).to_string();
            assert!(error.contains(problem), "{error}");
        }
        large.set_len(MAX_BYTES).expect("shortened");
        assert!(read(&at("large")).is_ok());
        let missing = read(&at("missing")).expect_err("there is none");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
