//! A container as a value: what a program that links this crate holds, instead of spawning a command.
//! Runs in: the parent, on the host, in as many threads as there are.
//!
//! ```text
//! Builder (a rootfs and words)  ──┐
//! Launch::spec (a Spec)         ──┼─▶ Launch ──create──▶ Container ──start──▶ … ──destroy──▶
//! Launch::bundle (config.json)  ──┘         ──run─────▶     │
//!                                                           └──exec──▶ Exec ──spawn──▶ Process
//! ```
//!
//! Everything is by `&self` and for any thread. No method holds a lock while it waits or while a hook runs; what several commands
//! may not do to one container at once is settled by locks on its directory, as between processes. The crate's own documentation
//! says what is asked of the program: nothing.

#[cfg(feature = "tokio")]
pub mod asynchronous;
mod builder;
mod child;
mod exec;
pub(crate) mod gather;
mod launch;
mod namespaces;
mod pod;
mod process;
mod removal;
mod stdio;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};

use crate::error::{Error, Result};
use crate::events::{Events, PressureThreshold, PressureWatch};
use crate::oom::{self, OutOfMemory};
use crate::patience::Patience;
use crate::record::Part;
use crate::state::{self, State};
use crate::stats::{self, Statistics};
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};
use crate::update::{self, Update};
use crate::{checkpoint, events, kill, ps, start};

pub use builder::Builder;
pub use exec::Exec;
pub use launch::Launch;
pub use namespaces::{Namespace, Namespaces};
pub use pod::Pod;
pub use process::Process;
pub use stdio::{Size, Stdio, Terminal};

use child::{Child, Children};
use stdio::Pipes;

/// A container.
///
/// ```
/// # mod rootfs { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/rootfs.in")); }
/// # fn main() -> brig_runtime::Result<()> {
/// # let Some(folder) = rootfs::Rootfs::new() else { return Ok(()) };
/// # let (store, rootfs) = (folder.store(), folder.path());
/// use brig_runtime::{Container, Stdio};
/// use std::io::Write;
///
/// let container = Container::builder(rootfs).command(["sleep", "1000"]).create(&store, "one")?;
/// container.start()?;
/// let words = container.exec(["wc", "-w"]).stdin(Stdio::Piped).stdout(Stdio::Piped).spawn()?;
/// words.take_stdin().unwrap().write_all(b"three words here").unwrap();
/// assert_eq!(words.output(&Default::default())?.stdout, b"3\n");
/// container.signal(9)?;
/// assert!(!container.wait()?.success());
/// container.destroy()?;
/// # Ok(())
/// # }
/// ```
///
/// Dropping it leaves the container as it is: [`Container::open`] finds it again, in this process or another.
#[derive(Debug)]
pub struct Container {
    store: Store,
    id: ContainerId,
    /// `None` where it had ended before it was opened.
    init: Option<Process>,
    children: Arc<Children>,
}

impl Container {
    /// A container of this root file system, to be described in words.
    pub fn builder(rootfs: impl Into<std::path::PathBuf>) -> Builder {
        // In the spec it would be relative to the bundle, which it is itself.
        let rootfs = rootfs.into();
        Builder::new(std::path::absolute(&rootfs).unwrap_or(rootfs))
    }

    /// One that is there already, whoever made it.
    ///
    /// # Errors
    /// `InvalidId`, `NotFound`; `WrongStatus` while it is being created; `Record`, `Os`.
    pub fn open(store: &Store, id: &str) -> Result<Self> {
        let id = ContainerId::new(id)?;
        let (_, file) = store.load(&id, Part::Head)?;
        let init = file.ready()?.init;
        let process =
            |pidfd: OwnedFd| Process::new(Arc::new(Child::new(init.pid, pidfd)), Pipes::default(), None);
        Ok(Self {
            store: store.clone(),
            id,
            init: init.pidfd()?.map(process),
            children: Arc::new(Children::new()?),
        })
    }

    fn made(store: &Store, id: ContainerId, init: Process) -> Result<Self> {
        Ok(Self { store: store.clone(), id, init: Some(init), children: Arc::new(Children::new()?) })
    }

    /// Its name.
    pub const fn id(&self) -> &ContainerId {
        &self.id
    }

    /// The store that it is in.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Its first process: for its streams, its terminal and its pidfd. `None` where it had ended before the container was opened.
    /// Wait for the container, not for this one alone: see [`Container::wait`].
    pub const fn init(&self) -> Option<&Process> {
        self.init.as_ref()
    }

    /// Lets the program of a created container begin, and runs poststart hooks.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus` in runc's words; `Hook`, after which the container is stopped.
    pub fn start(&self) -> Result<()> {
        self.start_within(&Patience::ENDLESS)
    }

    /// As [`Container::start`]; hooks are waited for no longer than this.
    ///
    /// # Errors
    /// As for [`Container::start`]; `Deadline`, `Cancelled`.
    pub fn start_within(&self, patience: &Patience) -> Result<()> {
        start::start(&self.store, &self.id, patience, None).map(drop)
    }

    /// One more process in it, to be described and then spawned.
    pub fn exec<I, S>(&self, command: I) -> Exec<'_>
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Exec::new(self, command.into_iter().map(Into::into).collect())
    }

    /// What it is at this moment.
    ///
    /// # Errors
    /// `NotFound`, `Record`, `Os`, `Cgroup`.
    pub fn state(&self) -> Result<State> {
        state::state(&self.store, &self.id)
    }

    /// Its status at this moment.
    ///
    /// # Errors
    /// As for [`Container::state`].
    pub fn status(&self) -> Result<Status> {
        self.state().map(|state| state.status)
    }

    /// Waits until its first process has ended, and on the way for all others that were started by [`Container::exec`] of this
    /// value: a PID namespace does not come to its end while one of them is a zombie.
    ///
    /// # Errors
    /// `Os`: `CHILD` where the container was made by another process, or had ended when it was opened.
    pub fn wait(&self) -> Result<ExitStatus> {
        self.wait_for(&Patience::ENDLESS)
    }

    /// As [`Container::wait`], not longer than this.
    ///
    /// # Errors
    /// As for [`Container::wait`]; `Deadline`, `Cancelled`.
    pub fn wait_for(&self, patience: &Patience) -> Result<ExitStatus> {
        let Some(init) = &self.init else { return Err(Error::os("wait", rustix::io::Errno::CHILD)) };
        loop {
            if let Some(status) = init.try_wait()? {
                return Ok(status);
            }
            self.attend(init, patience)?;
        }
    }

    /// Waits until its first process has ended, whoever made the container.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Os`.
    pub fn await_end(&self, patience: &Patience) -> Result<()> {
        let Some(init) = &self.init else { return Ok(()) };
        while !self.attend(init, patience)? {}
        Ok(())
    }

    /// Waits for those processes of [`Container::exec`] that have ended. Who polls the container by its descriptor calls it when that
    /// is readable.
    pub fn reap(&self) {
        self.children.reap();
    }

    /// Waits for the end of its first process, which is true, or of another.
    fn attend(&self, init: &Process, patience: &Patience) -> Result<bool> {
        let fds = vec![
            PollFd::new(init, PollFlags::IN),
            PollFd::from_borrowed_fd(self.children.as_fd(), PollFlags::IN),
        ];
        let ready = patience.wait("wait", fds)?;
        self.children.reap();
        Ok(ready.first().is_some_and(|events| !events.is_empty()))
    }

    /// Sends a signal, by number (signal(7)), to its first process. SIGKILL reaches everything in it.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`: `container not running`; `Os`: INVAL for a number that is no signal; `Cgroup`, `Record`.
    pub fn signal(&self, number: i32) -> Result<()> {
        self.signal_within(number, &Patience::ENDLESS)
    }

    /// As [`Container::signal`], not longer than this: where SIGKILL goes through a cgroup of version 1 it is waited for.
    ///
    /// # Errors
    /// As for [`Container::signal`]; `Deadline`, `Cancelled`.
    pub fn signal_within(&self, number: i32, patience: &Patience) -> Result<()> {
        kill::kill_within(&self.store, &self.id, number, patience)
    }

    /// Sends a signal to each of its processes, once.
    ///
    /// # Errors
    /// As for [`Container::signal`]; `Cgroup` where it has none to list them.
    pub fn signal_all(&self, number: i32) -> Result<()> {
        kill::kill_each(&self.store, &self.id, number, &Patience::ENDLESS)
    }

    /// The ids of its processes in the caller's PID namespace, ascending.
    ///
    /// # Errors
    /// `NotFound`, `Record`, `Os`, `Cgroup`.
    pub fn pids(&self) -> Result<Vec<u32>> {
        ps::pids(&self.store, &self.id)
    }

    /// What it has used by now.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`; `Cgroup`, `Record`, `Os`.
    pub fn stats(&self) -> Result<Statistics> {
        stats::stats(&self.store, &self.id)
    }

    /// Changes its limits: what is not mentioned stays, and either all of it comes into force or nothing.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`: `container not running`; `Refused`; `Cgroup`; `Record`, `Os`. Nothing is changed then.
    pub fn update(&self, update: &Update) -> Result<()> {
        self.update_within(update, &Patience::ENDLESS)
    }

    /// As [`Container::update`], not longer than this.
    ///
    /// # Errors
    /// As for [`Container::update`]; `Deadline`, `Cancelled`. Nothing is changed then.
    pub fn update_within(&self, update: &Update, patience: &Patience) -> Result<()> {
        update::update_within(&self.store, &self.id, update, patience)
    }

    /// Gives it these processors (`0-3,7`, cpuset(7)), and every cgroup above it, from the top down, those of `above`: for
    /// processors that came after the container. Either all of it comes into force or nothing.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`; `Cgroup`; `Refused`; `Record`, `Os`.
    pub fn set_cpus_along(&self, above: &str, own: &str) -> Result<()> {
        self.set_cpus_along_within(above, own, &Patience::ENDLESS)
    }

    /// As [`Container::set_cpus_along`], not longer than this.
    ///
    /// # Errors
    /// As for [`Container::set_cpus_along`]; `Deadline`, `Cancelled`.
    pub fn set_cpus_along_within(&self, above: &str, own: &str, patience: &Patience) -> Result<()> {
        update::cpus_along(&self.store, &self.id, above, own, patience)
    }

    /// Stops every process of it until [`Container::resume`].
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`: `container not running`; `Cgroup`, after which it is not paused; `Record`, `Os`.
    pub fn pause(&self) -> Result<()> {
        self.pause_within(&Patience::ENDLESS)
    }

    /// As [`Container::pause`], not longer than this: then every process goes on.
    ///
    /// # Errors
    /// As for [`Container::pause`]; `Deadline`, `Cancelled`.
    pub fn pause_within(&self, patience: &Patience) -> Result<()> {
        status::pause_within(&self.store, &self.id, patience)
    }

    /// Lets its processes go on.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`: `container not paused`; `Cgroup`, `Record`, `Os`.
    pub fn resume(&self) -> Result<()> {
        status::resume(&self.store, &self.id)
    }

    /// Tells what happens to it from now on: memory that runs out, limits that are met, and its end.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus` when it has ended; `Cgroup`, `Record`, `Os`.
    pub fn events(&self) -> Result<Events> {
        Events::open(&self.store, &self.id)
    }

    /// Tells when its processes wait for something longer than they should (cgroup v2).
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`; `Cgroup`, `Record`, `Os`.
    pub fn watch_pressure(&self, threshold: &PressureThreshold) -> Result<PressureWatch> {
        events::watch_pressure(&self.store, &self.id, threshold)
    }

    /// Whether the OOM killer was at work in it, until now or until its end. Its cgroup knows: to be asked before
    /// [`Container::destroy`].
    ///
    /// # Errors
    /// `NotFound`, `Cgroup`, `Record`, `Os`.
    pub fn out_of_memory(&self) -> Result<Option<OutOfMemory>> {
        oom::out_of_memory(&self.store, &self.id)
    }

    /// Writes its processes to images, from which [`Launch::restore`] makes them anew.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`; `Criu`, `Os`, after which it is what it was; `Hook`.
    pub fn checkpoint(&self, request: &checkpoint::Request<'_>) -> Result<()> {
        checkpoint::checkpoint(&self.store, &self.id, request)
    }
}

/// Readable when one of the processes of [`Container::exec`] has ended that nobody has waited for.
impl AsFd for Container {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.children.as_fd()
    }
}
