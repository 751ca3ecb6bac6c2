//! Unix socket of the listener, for a proxy on the same machine.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Mode of the socket: the server's user and group may connect.
const MODE: u32 = 0o660;

/// Unix socket that the listener opens beside its port, if there is one.
#[derive(Clone, Debug, Default)]
pub struct UnixSocket(pub Option<PathBuf>);

/// Open Unix socket; its file is removed when it is dropped.
pub(super) struct OpenUnixSocket {
    pub listener: UnixListener,
    path: PathBuf,
}

impl Drop for OpenUnixSocket {
    fn drop(&mut self) {
        // A file that cannot be removed is stale, and replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

impl OpenUnixSocket {
    /// Listens at `path`. A socket that an ended server left there is replaced.
    pub fn open(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let message = "a file that is not a socket has this name";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens on it",
        ));
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_stale_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let error = |path: &Path| OpenUnixSocket::open(path).err().map(|error| error.kind());
        fs::write(&path, "data").expect("it can be written");
        assert_eq!(error(&path), Some(io::ErrorKind::AlreadyExists));
        fs::remove_file(&path).expect("it is there");
        // A listener that is dropped does not remove its file.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("it binds"));
        let open = OpenUnixSocket::open(&path).expect("the file is stale");
        assert_eq!(error(&path), Some(io::ErrorKind::AddrInUse));
        drop(open);
        assert!(!path.exists());
    }
}
