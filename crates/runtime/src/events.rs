//! What happens to a container, told when it happens, until it ends.
//! Runs in: the parent. One epoll(7): the cgroup's events, the pidfd of the first process, and an eventfd that ends a wait.
//! Nothing is asked for again and again: who waits costs nothing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

pub use brig_cgroup::{Event, PressureThreshold, PressureWatch, Resource, Waiting};

use brig_cgroup::{Cgroup, Watch};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::patience::Canceller;
use crate::record::{self, Part, PidNamespace, Record};
use crate::stats;
use crate::status::{self, Status};
use crate::store::{ContainerId, Store};

/// The events of one container from now on. Readable, for poll(2) and its kin, when [`Events::next`] will not wait; polling takes
/// nothing away, so that it can be part of another event loop.
#[derive(Debug)]
pub struct Events {
    epoll: OwnedFd,
    watch: Option<Watch>,
    init: OwnedFd,
    pid_namespace: PidNamespace,
    cancel: Canceller,
    /// Seen, and not asked for yet; the first comes last.
    waiting: Vec<Event>,
    stage: Stage,
}

/// How far the container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Runs,
    /// The first process has ended; in a shared PID namespace others may go on.
    Leaderless,
    Over,
}

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Something has happened.
    Event(Event),
    /// The container has ended, and everything before that was told. Said again by every further call.
    Ended,
    /// The deadline passed.
    DeadlinePassed,
    /// Somebody called [`Canceller::cancel`].
    Cancelled,
}

impl Events {
    /// Watches a container that has not ended.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`: `container with id X is not running`; `Cgroup`, `Record`, `Os`.
    pub fn open(store: &Store, id: &ContainerId) -> Result<Self> {
        let (place, file) = store.load(id, Part::Head)?;
        let record = file.ready().map_err(|error| stats::refused(id, error))?;
        if status::of_record(&place, &record)? == Status::Stopped {
            return Err(stats::not_running(id));
        }
        Self::of_record(&record)?.ok_or_else(|| stats::not_running(id))
    }

    /// As [`Events::open`], for one whose record was read; `None` if it has ended.
    ///
    /// # Errors
    /// `Cgroup`, `Os`.
    pub fn of_record(record: &Record<'_>) -> Result<Option<Self>> {
        let failed = |errno| Error::os("epoll", errno);
        let Some(init) = record.init.pidfd()? else { return Ok(None) };
        let watch = watch(record)?;
        let cancel = Canceller::new()?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        let add = |fd: BorrowedFd<'_>, source: u64| {
            epoll::add(&epoll, fd, epoll::EventData::new_u64(source), epoll::EventFlags::IN).map_err(failed)
        };
        add(init.as_fd(), INIT)?;
        add(cancel.as_fd(), CANCEL)?;
        if let Some(watch) = &watch {
            add(watch.as_fd(), CGROUP)?;
        }
        let (pid_namespace, waiting, stage) = (record.pid_namespace, Vec::new(), Stage::Runs);
        Ok(Some(Self { epoll, watch, init, pid_namespace, cancel, waiting, stage }))
    }

    /// Whether it tells when memory runs out: not without a cgroup of the memory controller.
    pub fn tells_memory(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::tells_memory)
    }

    /// What ends a wait from elsewhere: it returns [`Next::Cancelled`] once there is no event to be told.
    pub fn canceller(&self) -> Canceller {
        self.cancel.clone()
    }

    /// Waits for the next event, until `deadline` if there is one.
    ///
    /// # Errors
    /// `Cgroup`, `Os`.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Next> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Ok(Next::Event(event));
            }
            if self.stage == Stage::Over {
                return Ok(Next::Ended);
            }
            let ready = self.wait(deadline)?;
            self.look(&ready)?;
            if !self.waiting.is_empty() || self.stage == Stage::Over {
                continue;
            }
            if ready.contains(&CANCEL) {
                return Ok(Next::Cancelled);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Next::DeadlinePassed);
            }
        }
    }

    /// Which sources are ready; none if the deadline passed.
    fn wait(&self, deadline: Option<Instant>) -> Result<Vec<u64>> {
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(3);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).min(LONGEST));
        let timeout =
            left.map(Timespec::try_from).transpose().map_err(|_| Error::os("epoll", Errno::INVAL))?;
        match epoll::wait(&self.epoll, spare_capacity(&mut ready), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(ready.iter().map(|event| event.data.u64()).collect()),
            Err(errno) => Err(Error::os("epoll", errno)),
        }
    }

    fn look(&mut self, ready: &[u64]) -> Result<()> {
        if ready.contains(&INIT) {
            epoll::delete(&self.epoll, &self.init).map_err(|errno| Error::os("epoll", errno))?;
            self.stage = Stage::Leaderless;
        }
        if ready.is_empty() || ready == [CANCEL] {
            return Ok(());
        }
        // Also when the first process has just ended: what it died of may not have been announced yet.
        let mut events = self.watch.as_mut().map(Watch::events).transpose()?.unwrap_or_default();
        let empty = events.contains(&Event::Empty);
        // Before it runs a cgroup is empty too, and while processes move.
        events.retain(|event| *event != Event::Empty);
        if self.stage == Stage::Leaderless && (empty || !self.others_may_live()) {
            self.stage = Stage::Over;
        }
        events.reverse();
        self.waiting = events;
        Ok(())
    }

    /// Whether there may be processes without the first one, and it will be told when there are none.
    fn others_may_live(&self) -> bool {
        self.pid_namespace == PidNamespace::Shared && self.watch.as_ref().is_some_and(Watch::tells_empty)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Watches whether processes of a container wait for something longer than they should.
///
/// # Errors
/// `NotFound`; `WrongStatus`; `Cgroup`: NOENT where version 2 is not mounted or the kernel does not measure pressure, INVAL for
/// a window that may not be; `Record`, `Os`.
pub fn watch_pressure(
    store: &Store,
    id: &ContainerId,
    threshold: &PressureThreshold,
) -> Result<PressureWatch> {
    let (_, file) = store.load(id, Part::Head)?;
    let record = file.ready().map_err(|error| stats::refused(id, error))?;
    Ok(Cgroup::open(&record::paths(&record.cgroup)).watch_pressure(threshold)?)
}

/// A container without a cgroup, or whose cgroup its owner may not watch, still ends.
fn watch(record: &Record<'_>) -> Result<Option<Watch>> {
    if record.cgroup.is_empty() {
        return Ok(None);
    }
    match Cgroup::open(&record::paths(&record.cgroup)).watch() {
        Ok(watch) => Ok(Some(watch)),
        Err(error) if record.rootless_cgroups && (error.is_permission() || error.is_missing()) => {
            log::warn!("{error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

const INIT: u64 = 0;
const CANCEL: u64 = 1;
const CGROUP: u64 = 2;

/// Kernels before 5.11 count the milliseconds of a wait in 31 bits.
const LONGEST: Duration = Duration::from_secs(3600);
