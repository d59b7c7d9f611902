//! The file of `--trace`: an array that every command adds its events to, and that is whole in between. Runs in: parent.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use brig_runtime::errno::errno_text;
use rustix::{
    fs::{FileType, FlockOperation, Mode, OFlags, flock, fstat},
    io::Errno,
};

use crate::{
    exit::Failure,
    output::trace::{BEGIN, BETWEEN, END},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct TraceFile {
    path: PathBuf,
    file: File,
}

impl TraceFile {
    /// Opens it, or makes it. A symbolic link, and what is neither empty nor a trace, is left alone: whoever runs brig as root must not
    /// be led by somebody's /tmp to add to any other file.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, errno: Errno| {
            Failure::new(format!("{what} {}: {}", path.display(), errno_text(errno.raw_os_error())))
        };
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))
            .map_err(|errno| failed("open", errno))?;
        let stat = fstat(&file).map_err(|errno| failed("stat", errno))?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(Failure::new(format!("--trace {}: not a regular file", path.display())));
        }
        let trace = Self { path: path.to_owned(), file: File::from(file) };
        trace.length().map_err(|error| trace.failure(&error))?;
        Ok(trace)
    }

    /// Adds `events`. Several commands may do so at once; one that fails leaves the array as it was.
    pub(crate) fn add(&self, events: &str) -> Result<(), Failure> {
        flock(&self.file, FlockOperation::LockExclusive)
            .map_err(io::Error::from)
            .and_then(|()| self.put(events))
            .map_err(|error| self.failure(&error))
    }

    fn put(&self, events: &str) -> io::Result<()> {
        let (at, before, rest) = match self.length()? {
            0 => (0, BEGIN, ""),
            length => (length - END.len() as u64, BETWEEN, END),
        };
        let written = self.file.write_all_at(format!("{before}{events}{END}").as_bytes(), at);
        written.or_else(|error| {
            self.file.set_len(at)?;
            self.file.write_all_at(rest.as_bytes(), at)?;
            Err(error)
        })
    }

    /// How long it is. Fails if it is anything but an array of ours.
    fn length(&self) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        let other = || {
            io::Error::new(io::ErrorKind::InvalidData, "it is there already, and is not a trace of brig's")
        };
        let has = |text: &str, at: u64| -> io::Result<bool> {
            let mut found = vec![0; text.len()];
            self.file.read_exact_at(&mut found, at)?;
            Ok(found == text.as_bytes())
        };
        let (first, last) = (FIRST.len() as u64, END.len() as u64);
        match length {
            0 => Ok(0),
            length if length >= first + last && has(FIRST, 0)? && has(END, length - last)? => Ok(length),
            _ => Err(other()),
        }
    }

    fn failure(&self, error: &io::Error) -> Failure {
        let words =
            error.raw_os_error().map_or_else(|| error.to_string(), |errno| errno_text(errno).to_owned());
        Failure::new(format!("--trace {}: {words}", self.path.display()))
    }
}

/// With what every trace of ours begins: the keys of an event are sorted.
const FIRST: &str = "[\n{\"args\":{\"name\":\"brig ";

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("brig-trace-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    const EVENT: &str = r#"{"args":{"name":"brig run"},"ph":"M"}"#;

    #[test]
    fn every_command_adds_to_an_array_that_is_whole() {
        let folder = Folder::new("adds");
        let path = folder.0.join("t.json");
        for count in 1..4 {
            let file = TraceFile::open(&path).unwrap();
            file.add(EVENT).unwrap();
            let array: Vec<serde_json::Value> =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(array.len(), count);
        }
    }

    #[test]
    fn what_is_no_trace_is_left_alone() {
        let folder = Folder::new("other");
        let path = folder.0.join("t.json");
        let with_tail = format!("[\n{{\"other\":\"brig \"}}{END}{:100}{END}", "");
        for text in ["x", "[\n]\n", with_tail.as_str(), "[\n{\"args\":{\"name\":\"brig "] {
            fs::write(&path, text).unwrap();
            let failure = TraceFile::open(&path).unwrap_err();
            let words =
                format!("--trace {}: it is there already, and is not a trace of brig's", path.display());
            assert_eq!(failure.message, words);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn neither_a_link_is_followed_nor_a_device_written_to() {
        let folder = Folder::new("link");
        let (link, target) = (folder.0.join("link"), folder.0.join("target"));
        symlink(&target, &link).unwrap();
        let failure = TraceFile::open(&link).unwrap_err();
        assert_eq!(failure.message, format!("open {}: too many levels of symbolic links", link.display()));
        assert!(!target.exists());
        let failure = TraceFile::open(Path::new("/dev/null")).unwrap_err();
        assert_eq!(failure.message, "--trace /dev/null: not a regular file");
    }
}
