//! What happens in a cgroup, told when it happens: no memory left, a limit met, a fork refused, the last process gone.
//! Runs in: the parent.
//!
//! ```text
//! v2   memory.events, pids.events,   the file is polled for POLLPRI (cgroups(7)): beneath the cgroup's descriptor, where
//!      cgroup.events                 inotify(7), which the same notification feeds, would want a path
//! v1   memory.oom_control            an eventfd(2), registered in cgroup.event_control; pids.events is there too, but silent
//! ```
//!
//! The kernel tells of a file at most every 10 ms, and the last change is never lost. Polling a [`Watch`] takes nothing away.

mod pressure;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fs::OFlags;
use rustix::io::{Errno, pread, read, retry_on_intr};

pub use pressure::{PressureThreshold, PressureWatch, Resource, Waiting};

use crate::beneath;
use crate::error::{Error, Step, gone};
use crate::group::{Cgroup, Group};
use crate::stats::{MemoryEvents, Pairs};

/// What has happened in a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It ran out of memory, and something is killed for it.
    OutOfMemory {
        /// How many processes were killed since the last event. Version 1 speaks before it kills, and of the memory of the
        /// cgroups above as well: then this is 0.
        kills: u64,
    },
    /// Something else was counted in `memory.events` (v2): by how much each number has grown.
    Memory(MemoryEvents),
    /// Processes could not be made because of a limit, so many (v2).
    ForksRefused(u64),
    /// No process is left, in sub-cgroups either. Version 2, also beside version 1.
    Empty,
}

/// The events of one cgroup from now on. Readable, for poll(2) and its kin, when [`Watch::events`] has something to say.
#[derive(Debug)]
pub struct Watch {
    epoll: OwnedFd,
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    file: OwnedFd,
    what: What,
}

/// What a source is, and what it said last.
#[derive(Debug)]
enum What {
    Memory(MemoryEvents),
    Pids(u64),
    Populated,
    /// Beside the eventfd, `memory.oom_control`: it can be read as long as the cgroup is there.
    OutOfMemory(OwnedFd, Kills),
}

/// Version 1 signals when memory runs out, and counts the kill a little later. It counts without a signal what is killed because
/// the machine ran out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kills {
    /// Counted when we looked last.
    counted: u64,
    /// Signals that were told and whose kill was not counted yet.
    owed: u64,
}

impl Cgroup {
    /// Watches it. What the layout does not tell is not watched: [`Watch::tells_memory`].
    ///
    /// # Errors
    /// `is_missing` if the cgroup is gone; `is_permission` on version 1 where it is not ours to write.
    pub fn watch(&self) -> Result<Watch, Error> {
        let failed = |errno| Error::call(Step::Watch, "epoll", errno);
        let mut watch =
            Watch { epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?, sources: Vec::new() };
        for group in &self.groups {
            group.sources(&mut watch)?;
        }
        Ok(watch)
    }
}

impl Group {
    fn sources(&self, watch: &mut Watch) -> Result<(), Error> {
        self.dir(Step::Watch)?;
        if self.place.is_v2() {
            self.watch_file(watch, "memory.events", |text| What::Memory(MemoryEvents::of(text)))?;
            self.watch_file(watch, "pids.events", |text| What::Pids(text.count("max")))?;
            self.watch_file(watch, "cgroup.events", |_| What::Populated)?;
        }
        if self.place.has("memory") {
            watch.add(self.oom_source()?, epoll::EventFlags::IN)?;
        }
        Ok(())
    }

    /// A file that the kernel does not have is not watched.
    fn watch_file(&self, watch: &mut Watch, name: &str, what: fn(&Pairs) -> What) -> Result<(), Error> {
        let failed = |errno| self.failed(Step::Watch, name, errno);
        let file = match beneath::open(self.dir(Step::Watch)?, name, OFlags::RDONLY) {
            Err(Errno::NOENT) => return Ok(()),
            file => file.map_err(failed)?,
        };
        // Read once, it tells of what happens after this.
        let text = pairs(&file).map_err(failed)?;
        watch.add(Source { file, what: what(&text) }, epoll::EventFlags::PRI)
    }

    fn oom_source(&self) -> Result<Source, Error> {
        let failed = |errno| self.failed(Step::Watch, OOM_CONTROL, errno);
        let dir = self.dir(Step::Watch)?;
        let control = beneath::open(dir, OOM_CONTROL, OFlags::RDONLY).map_err(failed)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let file = eventfd(0, flags).map_err(|errno| Error::call(Step::Watch, "eventfd", errno))?;
        let registration = format!("{} {}", file.as_raw_fd(), control.as_raw_fd());
        self.write("cgroup.event_control", &registration, Step::Watch)?;
        let counted = kills(&control).map_err(failed)?;
        Ok(Source { file, what: What::OutOfMemory(control, Kills { counted, owed: 0 }) })
    }
}

impl Watch {
    /// Whether it tells when memory runs out: not without a memory controller.
    pub fn tells_memory(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.what, What::Memory(_) | What::OutOfMemory(..)))
    }

    /// Whether it tells when the cgroup is empty: not on version 1 alone.
    pub fn tells_empty(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.what, What::Populated))
    }

    /// What has happened since the last call; it does not wait.
    ///
    /// # Errors
    /// What the kernel answers. A cgroup that is gone has no more to say.
    pub fn events(&mut self) -> Result<Vec<Event>, Error> {
        let failed = |errno| Error::call(Step::Watch, "cgroup", errno);
        let mut events = Vec::new();
        for source in &mut self.sources {
            match source.look() {
                Ok(event) => events.extend(event),
                Err(errno) if gone(errno) => {
                    // Its descriptor would be readable for ever.
                    match epoll::delete(&self.epoll, &source.file) {
                        Ok(()) | Err(Errno::NOENT) => {}
                        Err(errno) => return Err(failed(errno)),
                    }
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(events)
    }

    fn add(&mut self, source: Source, flags: epoll::EventFlags) -> Result<(), Error> {
        let number = epoll::EventData::new_u64(self.sources.len() as u64);
        epoll::add(&self.epoll, &source.file, number, flags)
            .map_err(|errno| Error::call(Step::Watch, "epoll", errno))?;
        self.sources.push(source);
        Ok(())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Source {
    /// Reading the file is what makes it quiet until the next change.
    fn look(&mut self) -> Result<Option<Event>, Errno> {
        match &mut self.what {
            What::Memory(seen) => {
                let now = MemoryEvents::of(&pairs(&self.file)?);
                let news = now.since(seen);
                *seen = now;
                Ok(memory_event(news))
            }
            What::Pids(seen) => {
                let now = pairs(&self.file)?.count("max");
                let refused = now.saturating_sub(*seen);
                *seen = now;
                Ok((refused > 0).then_some(Event::ForksRefused(refused)))
            }
            What::Populated => {
                let text = pairs(&self.file)?;
                Ok((text.count("populated") == 0).then_some(Event::Empty))
            }
            What::OutOfMemory(control, known) => {
                let signals = signals(&self.file)?;
                Ok(match kills(control) {
                    Ok(counted) => known.news(signals, counted),
                    // When a cgroup of version 1 is removed its eventfds are signalled once more.
                    Err(_) => known.news(signals.saturating_sub(1), known.counted),
                })
            }
        }
    }
}

impl Kills {
    fn news(&mut self, signals: u64, counted: u64) -> Option<Event> {
        let kills = counted.saturating_sub(self.counted);
        let promised = kills.min(self.owed);
        *self = Kills { counted, owed: (self.owed - promised) + signals.saturating_sub(kills - promised) };
        let news = kills - promised;
        (signals > 0 || news > 0).then_some(Event::OutOfMemory { kills: news })
    }
}

/// What is killed says all; the count of `oom` itself comes with it.
fn memory_event(news: MemoryEvents) -> Option<Event> {
    if news.oom_kill > 0 {
        return Some(Event::OutOfMemory { kills: news.oom_kill });
    }
    (news != MemoryEvents::default()).then_some(Event::Memory(news))
}

fn kills(control: &OwnedFd) -> Result<u64, Errno> {
    Ok(pairs(control)?.count("oom_kill"))
}

fn signals(file: &OwnedFd) -> Result<u64, Errno> {
    let mut count = [0; 8];
    match retry_on_intr(|| read(file, &mut count)) {
        Ok(_) => Ok(u64::from_ne_bytes(count)),
        Err(Errno::AGAIN) => Ok(0),
        Err(errno) => Err(errno),
    }
}

fn pairs(file: &OwnedFd) -> Result<Pairs, Errno> {
    let mut text = [0; 1024];
    let length = retry_on_intr(|| pread(file, &mut text, 0))?;
    Ok(Pairs::parse(&String::from_utf8_lossy(text.get(..length).unwrap_or_default())))
}

const OOM_CONTROL: &str = "memory.oom_control";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_an_oom_and_the_rest_is_told_as_it_is() {
        let killed = MemoryEvents { oom: 1, oom_kill: 2, max: 7, ..MemoryEvents::default() };
        assert_eq!(memory_event(killed), Some(Event::OutOfMemory { kills: 2 }));
        let high = MemoryEvents { high: 3, ..MemoryEvents::default() };
        assert_eq!(memory_event(high), Some(Event::Memory(high)));
        assert_eq!(memory_event(MemoryEvents::default()), None);
    }

    #[test]
    fn a_kill_that_was_announced_is_told_once() {
        let told = |kills| Some(Event::OutOfMemory { kills });
        let mut known = Kills::default();
        assert_eq!(known.news(1, 0), told(0), "out of memory, nobody killed yet");
        assert_eq!(known.news(0, 1), None, "the kill that belongs to it");
        assert_eq!(known.news(1, 2), told(1), "both at once");
        assert_eq!(known.news(0, 2), None);
        assert_eq!(known.news(0, 4), told(2), "without a signal: the machine ran out");
        assert_eq!(known.news(2, 5), told(1));
        assert_eq!(known, Kills { counted: 5, owed: 1 });
        assert_eq!(known.news(0, 6), None);
    }
}
