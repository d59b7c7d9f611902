//! Terminals: a socket that masters are sent to, and the host's own. What is shown there goes to a file.

use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Who has the terminal has ended, and this is how long his last words may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Everybody who watches a terminal.
type Watchers = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// Where terminals lead.
#[derive(Debug)]
pub(super) struct Terminals {
    /// The file.
    shown: PathBuf,
    watchers: Watchers,
}

impl Terminals {
    /// Listens at `socket`.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new(socket: &Path, shown: &Path) -> Result<Self, String> {
        let listener =
            UnixListener::bind(socket).map_err(|error| format!("{}: {error}", socket.display()))?;
        let terminals = Self { shown: shown.to_owned(), watchers: Watchers::default() };
        let (shown, watchers) = (terminals.shown.clone(), Arc::clone(&terminals.watchers));
        thread::spawn(move || {
            for master in listener.incoming().flatten().filter_map(|stream| received(&stream)) {
                watch(&watchers, master, &shown);
            }
        });
        Ok(terminals)
    }

    /// A new terminal of the host, by its name.
    ///
    /// # Errors
    /// There are too many, or none.
    pub(super) fn of_host(&self) -> Result<PathBuf, String> {
        let failed = |errno| format!("terminal: {errno}");
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).map_err(failed)?;
        grantpt(&master).and_then(|()| unlockpt(&master)).map_err(failed)?;
        let name = ptsname(&master, Vec::new()).map_err(failed)?;
        watch(&self.watchers, master, &self.shown);
        Ok(PathBuf::from(name.to_string_lossy().into_owned()))
    }

    /// Forgets those of the last act, once all was shown: what came later would be the next one's.
    pub(super) fn forget(&self) {
        self.wait_until(|watchers| watchers.iter().all(JoinHandle::is_finished));
        if let Ok(mut watchers) = self.watchers.lock() {
            watchers.clear();
        }
    }

    /// Waits until there was one, and all was shown.
    pub(super) fn settle(&self) {
        self.wait_until(|watchers| !watchers.is_empty() && watchers.iter().all(JoinHandle::is_finished));
    }

    fn wait_until(&self, is_over: impl Fn(&[JoinHandle<()>]) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !self.watchers.lock().is_ok_and(|watchers| is_over(&watchers)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The slave of a terminal of the host, for who is to write there.
///
/// # Errors
/// It is gone.
pub(super) fn open(name: &Path) -> Result<File, String> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, Mode::empty());
    slave.map(File::from).map_err(|errno| format!("{}: {errno}", name.display()))
}

fn watch(watchers: &Watchers, master: OwnedFd, shown: &Path) {
    let file = File::options().append(true).open(shown);
    let watcher = thread::spawn(move || {
        let (Ok(mut file), mut master) = (file, File::from(master)) else { return };
        let mut bytes = [0; 4096];
        // Its end is an error: nobody has the terminal any more.
        while let Ok(count @ 1..) = master.read(&mut bytes) {
            let text: Vec<u8> = bytes[..count].iter().copied().filter(|byte| *byte != b'\r').collect();
            if file.write_all(&text).is_err() {
                return;
            }
        }
    });
    if let Ok(mut watchers) = watchers.lock() {
        watchers.push(watcher);
    }
}

fn received(stream: &UnixStream) -> Option<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut name = [0; 128];
    recvmsg(stream, &mut [IoSliceMut::new(&mut name)], &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    control.drain().find_map(|message| {
        let RecvAncillaryMessage::ScmRights(mut descriptors) = message else { return None };
        descriptors.next()
    })
}
