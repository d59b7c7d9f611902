//! Dumping a container's processes to images, from which `restore` makes them anew.
//! Runs in: the parent, on the host, beside CRIU. Read [`checkpoint`] from top to bottom.
//!
//! CRIU freezes, dumps, and kills or lets go. When it fails it lets go, and the container is what it was.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use brig_cgroup::Cgroup;
use brig_handshake::Text;
use brig_plan::checkpoint::Outside;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat, statat};
use rustix::io::{Errno, write};
use rustix::process::Pid;

use crate::criu::{
    self, Criu, Desk, Directories, EXTERNAL, Job, Launch, Message, Options, Phase, mountinfo, option, pair,
};
use crate::delete::{self, Mode as DeleteMode};
use crate::error::{Error, Result, best_effort};
use crate::patience::Patience;
use crate::record::{self, Part, Record};
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};

/// What to dump, and how.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// What `restore` is told as well.
    pub options: Options<'r>,
    /// How much.
    pub what: What,
    /// Images of an earlier dump, relative to those that are written: pages that have not changed since are left out.
    pub parent: Option<&'r Path>,
    /// TCP connections that are not established yet are left out.
    pub tcp_skip_in_flight: bool,
    /// Files that were unlinked get a name for as long as the images are there.
    pub link_remap: bool,
    /// Address and port of the page server that takes the memory; with `lazy_pages`, where it will be served.
    pub page_server: Option<(&'r str, u16)>,
    /// Gets one byte, 0, when pages are served.
    pub ready: Option<BorrowedFd<'r>>,
    /// How long it may take. When that is over CRIU is ended, and the container runs on.
    pub patience: Patience,
}

impl<'r> Request<'r> {
    /// So much, with these options and no other, however long it takes.
    pub const fn new(options: Options<'r>, what: What) -> Self {
        Self {
            options,
            what,
            parent: None,
            tcp_skip_in_flight: false,
            link_remap: false,
            page_server: None,
            ready: None,
            patience: Patience::ENDLESS,
        }
    }
}

/// How much to dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Memory alone. The container runs on, and what it writes from now on is noted.
    Memory,
    /// Everything. The container runs on.
    Running,
    /// Everything. The container is deleted.
    Finally,
}

/// Dumps a container that is running or paused.
///
/// # Errors
/// `NotFound`; `WrongStatus`; `Criu`, `Os`, `Deadline`, `Cancelled`, after which the container is what it was; `Hook` where the container was dumped and
/// deleted, and a poststop hook failed.
pub fn checkpoint(store: &Store, id: &ContainerId, request: &Request<'_>) -> Result<()> {
    let mut place = store.find(id)?;
    // From here on nobody else changes the record.
    place.lock(&request.patience)?;
    let file = place.record(Part::Head)?.ok_or_else(Error::not_found)?;
    let record = file.ready().map_err(|_| refused(Status::Creating))?;
    let status = status::of_record(&place, &record)?;
    match status {
        Status::Running | Status::Paused => {}
        status @ (Status::Creating | Status::Created | Status::Stopped) => return Err(refused(status)),
    }
    let directories = Directories::make(&request.options)?;
    check_parent(request)?;
    dump(&record, request, &directories).map_err(|error| {
        if error.is_late() && status == Status::Running {
            // Who was killed in the middle has not done it.
            best_effort(
                Cgroup::open(&record::paths(&record.cgroup)).thaw(),
                "the first error is the one to report",
            );
        }
        criu::quote_log(error, &directories.log(LOG))
    })?;
    // Whoever deletes wants the lock.
    drop(place);
    match request.what {
        What::Memory | What::Running => Ok(()),
        What::Finally => delete::delete_within(store, id, DeleteMode::Force, &request.patience),
    }
}

fn refused(status: Status) -> Error {
    Error::wrong_status(format!("Container cannot be checkpointed in {status} state"))
}

/// CRIU would take images without a parent for those of a first dump.
fn check_parent(request: &Request<'_>) -> Result<()> {
    let Some(parent) = request.parent else { return Ok(()) };
    if parent.is_absolute() {
        return Err(Error::new(crate::error::Kind::Os(Errno::INVAL), "--parent-path must be relative"));
    }
    let path = request.options.images.join(parent);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, &path, flags, Mode::empty()).map(drop).map_err(|errno| {
        Error::os(format_args!("stat {}", path.display()), errno).within("invalid --parent-path")
    })
}

fn dump(record: &Record<'_>, request: &Request<'_>, directories: &Directories) -> Result<()> {
    let launch = Launch {
        program: request.options.program,
        streams: None,
        inherited: &[],
        surroundings: None,
        patience: &request.patience,
    };
    let mut criu = Criu::start(&launch)?;
    check_features(&mut criu, request)?;
    request.options.tell(Phase::Started(criu.version));
    let mut options = request.options.request(LOG, &record.facts);
    let work = directories.open_work()?;
    directories.name_in(&mut options, &work);
    options
        .signed(option::PID, i32::try_from(record.init.pid).unwrap_or(0))
        .text(option::ROOT, record.facts.rootfs.to_bytes())
        .flag(option::LEAVE_RUNNING, request.what == What::Running)
        .flag(option::ORPHAN_PTS_MASTER, true)
        .flag(option::TCP_SKIP_IN_FLIGHT, request.tcp_skip_in_flight)
        .flag(option::LINK_REMAP, request.link_remap);
    if let Some((address, port)) = request.page_server {
        options.message(option::PAGE_SERVER, &criu::page_server(address, port));
    }
    if let Some(parent) = request.parent {
        options.text(option::PARENT_IMG, parent.as_os_str().as_encoded_bytes()).flag(option::TRACK_MEM, true);
    }
    if let Some(freezer) = freezer(record) {
        options.text(option::FREEZE_CGROUP, freezer);
    }
    name_namespaces(&mut options, record, &criu)?;
    let mut desk = Attendant { ready: request.ready };
    if request.what == What::Memory {
        return criu.carry_out(Job::PreDump, &options, &mut desk).map(drop);
    }
    name_mounts(&mut options, record)?;
    criu::write_descriptors(&directories.images, &descriptors(record))?;
    if let Some(ready) = request.ready.filter(|_| criu.version < NOTIFIES_READINESS) {
        options.signed(option::STATUS_FD, ready.as_raw_fd());
        desk.ready = None;
    }
    criu.carry_out(Job::Dump, &options, &mut desk).map(drop)
}

fn check_features(criu: &mut Criu, request: &Request<'_>) -> Result<()> {
    let lazy = request.options.lazy_pages;
    if request.what != What::Memory && !lazy {
        return Ok(());
    }
    let features = criu.features()?;
    if request.what == What::Memory && !features.tracks_memory {
        return Err(criu::lacks("MemTrack"));
    }
    if lazy && !features.lazy_pages { Err(criu::lacks("LazyPages")) } else { Ok(()) }
}

/// The cgroup whose freezer holds the processes. CRIU leaves it as it found it.
fn freezer(record: &Record<'_>) -> Option<String> {
    let paths = record::paths(&record.cgroup);
    let alone = paths.places.len() == 1;
    let place = paths.places.iter().find(|place| {
        alone && place.is_v2() || place.controllers.iter().any(|controller| controller == "freezer")
    });
    place.map(brig_cgroup::Place::absolute)
}

/// A network or PID namespace that was joined is outside, and stays there.
fn name_namespaces(options: &mut Message, record: &Record<'_>, criu: &Criu) -> Result<()> {
    for (kind, name, key, needed) in EXTERNAL {
        if record.outside.joined & kind == 0 {
            continue;
        }
        criu::at_least(criu.version, needed, &format!("a container in somebody else's {name} namespace"))?;
        let path = format!("/proc/{}/ns/{name}", record.init.pid);
        let inode = statat(CWD, &path, AtFlags::empty())
            .map_err(|errno| Error::os(format_args!("stat {path}"), errno))?
            .st_ino;
        options.text(option::EXTERNAL, format!("{name}[{inode}]:{key}"));
    }
    Ok(())
}

/// Mounts that show the host's files, by the places where they are in the container.
fn name_mounts(options: &mut Message, record: &Record<'_>) -> Result<()> {
    let path = format!("/proc/{}/root", record.init.pid);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, &path, flags, Mode::empty())
        .map_err(|errno| Error::os(format_args!("open {path}"), errno))?;
    let Outside { mounts, masked, .. } = &record.outside;
    let mut outside = Vec::with_capacity(mounts.len());
    for mount in mounts {
        match open_inside(&root, mount) {
            Ok(target) => outside.push(link(&target)?),
            // Unmounted by the container, or a device that it removed.
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => return Err(in_container(mount, errno)),
        }
    }
    let [container, host] = [mountinfo::of(&record.init.pid.to_string())?, mountinfo::of("self")?];
    let along = mountinfo::brought_along(&container, &host, &outside);
    for key in outside.iter().chain(along.iter().filter(|key| !outside.contains(key))) {
        options.message(option::EXT_MNT, &pair(key, key));
    }
    for mask in masked {
        match open_inside(&root, mask) {
            Ok(target) if file_type(&target)? != FileType::Directory => {
                options.message(option::EXT_MNT, &pair(link(&target)?, "/dev/null"));
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => return Err(in_container(mask, errno)),
        }
    }
    Ok(())
}

fn open_inside(root: &OwnedFd, path: &Text<'_>) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, &**path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// Where it is, seen from the root of its mount namespace.
fn link(target: &OwnedFd) -> Result<Vec<u8>> {
    let path = format!("/proc/self/fd/{}", target.as_raw_fd());
    let link = readlinkat(CWD, &path, Vec::new());
    link.map(CString::into_bytes).map_err(|errno| Error::os(format_args!("readlink {path}"), errno))
}

fn file_type(target: &OwnedFd) -> Result<FileType> {
    let stat = rustix::fs::fstat(target).map_err(|errno| Error::os("stat", errno))?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

fn in_container(path: &Text<'_>, errno: Errno) -> Error {
    Error::os(format_args!("look for {} in the container", path.to_string_lossy()), errno)
}

/// What the standard streams were when the container was made, where that were pipes: it may have put others in their place,
/// and left them to its children. Where not, what they are.
fn descriptors(record: &Record<'_>) -> Vec<Text<'static>> {
    let streams = (0..).zip(&record.outside.pipes);
    let links = streams.map(|(number, pipe): (u32, &u64)| match pipe {
        0 => {
            let path = format!("/proc/{}/fd/{number}", record.init.pid);
            readlinkat(CWD, path, Vec::new()).unwrap_or_default().into()
        }
        inode => brig_handshake::wire::text(format!("pipe:[{inode}]")).unwrap_or_default(),
    });
    links.collect()
}

/// Nothing is done about what CRIU says but telling who waits for pages.
struct Attendant<'a> {
    ready: Option<BorrowedFd<'a>>,
}

impl Desk for Attendant<'_> {
    fn notified(&mut self, script: &str, _: Option<Pid>, _: Option<OwnedFd>) -> Result<()> {
        if script == "status-ready"
            && let Some(ready) = self.ready.take()
            && let Err(errno) = write(ready, &[0])
        {
            log::warn!("{}", Error::os("can't write \\0 to status fd", errno));
        }
        Ok(())
    }
}

const LOG: &str = "dump.log";

/// From then on CRIU tells its client when pages are served, and does not have to be given the descriptor.
const NOTIFIES_READINESS: criu::Version = criu::Version { major: 3, minor: 15, sublevel: 0 };
