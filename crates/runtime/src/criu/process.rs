//! CRIU as a process: `criu swrk FD`, and the socket over which it is talked to.
//! Runs in: the parent, on the host, and for a moment in a thread of it.
//!
//! CRIU is told numbers of descriptors that it inherits, and wants a mount namespace in which its mounts harm nobody. Both would
//! be seen by every thread of a program that embeds us, and by what those threads execute meanwhile. So a thread is started that
//! has a descriptor table of its own, and if need be a mount namespace; it executes CRIU and ends.
//!
//! No wait here has a deadline of ours: a dump takes as long as writing the memory of the container takes, and one with
//! `lazy_pages` as long as somebody fetches it. Every wait ends with CRIU, or with the caller's patience.
//!
//! CRIU that is killed in the middle of a dump leaves behind what it did to the container: it is frozen, its network is shut,
//! there are strange pages in its memory. So its disk is made full (RLIMIT_FSIZE), from which it takes back everything and
//! fails. Only if it does not come to that it is killed.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use brig_sys::{setns, signal, unshare};
use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, dup, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, send, sendmsg, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open, pidfd_send_signal, prlimit};

use super::failure::{self, broken, missing};
use super::hierarchy;
use super::images::open_directory;
use super::protobuf::Message;
use super::reply::{Reply, Version};
use super::request::{self, Done, Job};
use crate::error::{Error, Result, best_effort};
use crate::patience::Patience;

/// What CRIU is started with.
pub(crate) struct Launch<'l> {
    /// Its executable, looked for in `PATH` unless the name has a slash.
    pub(crate) program: &'l Path,
    /// Its standard streams; `None`: /dev/null.
    pub(crate) streams: Option<[BorrowedFd<'l>; 3]>,
    /// Descriptors that it inherits beside them.
    pub(crate) inherited: &'l [BorrowedFd<'l>],
    /// Its mount namespace, where that is not ours.
    pub(crate) surroundings: Option<Surroundings<'l>>,
    /// How long all of it may take.
    pub(crate) patience: &'l Patience,
}

/// A mount namespace for CRIU, which begins as a copy of ours.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'l> {
    /// What to do to it. Runs in the thread.
    pub(crate) prepare: &'l (dyn Fn() -> Result<()> + Sync),
    /// Where CRIU works, and mounts things meanwhile. That takes a descriptor that was opened in there.
    pub(crate) work: &'l Path,
}

/// A CRIU that waits for requests.
#[derive(Debug)]
pub(crate) struct Criu {
    child: Child,
    pidfd: OwnedFd,
    patience: Patience,
    socket: Option<OwnedFd>,
    /// The numbers under which it has what it inherits.
    pub(crate) inherited: Vec<i32>,
    /// Where it works, opened in its mount namespace, if it has one.
    pub(crate) work: Option<OwnedFd>,
    pub(crate) version: Version,
    /// Given back when it has ended.
    _options: hierarchy::Options,
}

/// What is done when CRIU says how far it is.
pub(crate) trait Desk {
    /// `script` is the name of the notification, `pid` the process that it is about, `descriptor` what came with it.
    fn notified(&mut self, script: &str, pid: Option<Pid>, descriptor: Option<OwnedFd>) -> Result<()>;
}

impl Criu {
    /// Starts it and asks for its version.
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self> {
        let failed = |errno| Error::os("socketpair", errno);
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(failed)?;
        let options = hierarchy::Options::now();
        let (child, inherited) = thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, || execute(launch, theirs.as_fd()));
            let thread = thread.map_err(|error| Error::io("start a thread", &error))?;
            thread.join().map_err(|_| broken("the thread that starts criu ended"))?
        })?;
        // With it ours would stay open when CRIU ends.
        drop(theirs);
        let (socket, version, patience) = (Some(ours), Version::default(), launch.patience.clone());
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(|errno| Error::os("pidfd_open", errno))?;
        let mut criu =
            Self { child, pidfd, patience, socket, inherited, work: None, version, _options: options };
        if launch.surroundings.is_some() {
            criu.work = criu.receive_bytes()?.1;
        }
        criu.version = criu.ask(&request::version())?.version;
        log::debug!("Using CRIU {}", criu.version);
        failure::at_least(criu.version, OLDEST, "checkpoint and restore")?;
        Ok(criu)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Asks what it and the kernel support.
    pub(crate) fn features(&mut self) -> Result<Reply> {
        self.ask(&request::features())
    }

    /// Has a job done: the last that it does.
    pub(crate) fn carry_out(mut self, job: Job, options: &Message, desk: &mut dyn Desk) -> Result<Reply> {
        log::debug!("Using CRIU in {} mode", job.name());
        self.send(&request::with_options(job, options))?;
        // What went wrong on our side is why CRIU will say that it failed.
        let mut ours = Ok(());
        let reply = loop {
            let (reply, descriptor) = match self.receive() {
                Err(error) if error.is_late() && ours.is_ok() => {
                    ours = Err(error);
                    self.hurry(job);
                    continue;
                }
                // What came first counts.
                Err(_) if ours.is_err() => break Reply::default(),
                received => received?,
            };
            if reply.job != Some(Job::Notify) || !reply.success {
                break reply;
            }
            log::debug!("notify: {}", reply.script);
            if ours.is_ok() {
                ours = desk.notified(&reply.script, reply.pid.and_then(Pid::from_raw), descriptor);
            }
            self.send(&request::notified(if ours.is_ok() { Done::Well } else { Done::Badly }))?;
        };
        ours?;
        check(&reply)?;
        // Behind a pre-dump it waits for the next one: it is told that there is none.
        let ended = self.end();
        if job == Job::PreDump {
            return Ok(reply);
        }
        match ended {
            Ok(status) if status.success() => Ok(reply),
            Ok(status) => Err(broken(format!("criu failed: {status}"))),
            Err(error) => Err(Error::io("wait for criu", &error)),
        }
    }

    fn ask(&mut self, request: &Message) -> Result<Reply> {
        self.send(request)?;
        let heard = self.receive().inspect_err(|error| {
            if error.is_late() {
                self.kill();
            }
        });
        let (reply, _) = heard?;
        check(&reply)?;
        Ok(reply)
    }

    fn socket(&self) -> Result<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd).ok_or_else(|| broken("criu has ended"))
    }

    fn send(&self, request: &Message) -> Result<()> {
        let socket = self.socket()?;
        match retry_on_intr(|| send(socket, request.bytes(), SendFlags::NOSIGNAL)) {
            // It has ended; why, is in its log.
            Ok(_) | Err(Errno::PIPE) => Ok(()),
            Err(errno) => Err(Error::os("send to criu", errno)),
        }
    }

    fn receive(&self) -> Result<(Reply, Option<OwnedFd>)> {
        let (bytes, descriptor) = self.receive_bytes()?;
        match bytes.len() {
            0 => Err(broken("criu failed: it ended without an answer")),
            LONGEST => Err(broken("criu failed: its answer is too long")),
            _ => {
                let reply =
                    Reply::read(&bytes).ok_or_else(|| broken("criu failed: its answer is no message"));
                Ok((reply?, descriptor))
            }
        }
    }

    /// Makes it fail: a dump as on a full disk, so that it takes back what it did to the container. What it restores is killed
    /// with the cgroup that it is in.
    fn hurry(&mut self, job: Job) {
        let nothing = Rlimit { current: Some(0), maximum: Some(0) };
        match job {
            Job::Dump | Job::PreDump => {
                best_effort(
                    prlimit(Some(self.pid()), Resource::Fsize, nothing),
                    "it is killed when time is up",
                );
                self.patience = Patience::of(GRACE);
            }
            Job::Restore | Job::Notify | Job::FeatureCheck | Job::Version => self.kill(),
        }
    }

    fn kill(&self) {
        best_effort(pidfd_send_signal(&self.pidfd, Signal::KILL), "it has ended by itself");
    }

    fn receive_bytes(&self) -> Result<(Vec<u8>, Option<OwnedFd>)> {
        let socket = self.socket()?;
        self.patience.wait("wait for criu", vec![PollFd::new(&socket, PollFlags::IN)])?;
        let mut bytes = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        let length = received.map_err(|errno| Error::os("receive from criu", errno))?.bytes;
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        bytes.truncate(length);
        Ok((bytes, descriptors.into_iter().next()))
    }

    /// It ends when it hears no more of us.
    fn end(&mut self) -> std::io::Result<std::process::ExitStatus> {
        drop(self.socket.take());
        // Whose patience has an end is not kept waiting by one that does not hear.
        if !self.patience.is_endless() && Patience::of(GRACE).wait_exit("wait for criu", &self.pidfd).is_err()
        {
            self.kill();
        }
        self.child.wait()
    }
}

impl Drop for Criu {
    fn drop(&mut self) {
        best_effort(self.end(), "it has been waited for");
    }
}

fn check(reply: &Reply) -> Result<()> {
    if reply.success { Ok(()) } else { Err(failure::refused(reply)) }
}

/// Runs in a thread that ends with it.
fn execute(launch: &Launch<'_>, socket: BorrowedFd<'_>) -> Result<(Child, Vec<i32>)> {
    let failed = |errno| Error::os("prepare the start of criu", errno);
    unshare::descriptors().map_err(failed)?;
    if let Some(Surroundings { prepare, work }) = launch.surroundings {
        setns::unshare(MOUNT).map_err(|errno| Error::os("unshare the mount namespace", errno))?;
        prepare()?;
        let work = open_directory(work)?;
        // What the thread opens is closed with it: this copy goes to the process.
        send_descriptor(socket, work.as_fd()).map_err(failed)?;
    }
    // The command may have blocked them all to read them.
    signal::unblock_all().map_err(failed)?;
    // A write beyond the limit on the size of files is to fail, and not to kill.
    signal::block(XFSZ).map_err(failed)?;
    // The copies are not close-on-exec, and nobody but this thread has them.
    let socket = dup(socket).map_err(failed)?;
    let inherited =
        launch.inherited.iter().map(dup).collect::<Result<Vec<OwnedFd>, Errno>>().map_err(failed)?;
    let mut command = Command::new(launch.program);
    command.arg("swrk").arg(socket.as_raw_fd().to_string());
    match &launch.streams {
        Some(streams) => {
            let [input, output, error] = streams.map(|stream| stream.try_clone_to_owned().map(Stdio::from));
            let cloned = |stream: std::io::Result<Stdio>| stream.map_err(|error| Error::io("dup", &error));
            command.stdin(cloned(input)?).stdout(cloned(output)?).stderr(cloned(error)?);
        }
        None => {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        }
    }
    let child = command.spawn().map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => missing(launch.program),
        _ => Error::io(format_args!("exec: {:?}", launch.program.display().to_string()), &error),
    })?;
    Ok((child, inherited.iter().map(AsRawFd::as_raw_fd).collect()))
}

fn send_descriptor(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(socket, &[IoSlice::new(b"work")], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// The first whose version can be asked for.
const OLDEST: Version = Version::new(3, 0);

/// How long a dump may take to take back what it did.
const GRACE: Duration = Duration::from_secs(20);

/// `SIGXFSZ`.
const XFSZ: i32 = 25;

/// `CLONE_NEWNS`.
const MOUNT: u32 = 0x2_0000;

/// No answer is as long.
const LONGEST: usize = 64 << 10;
