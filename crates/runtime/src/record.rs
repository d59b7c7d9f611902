//! The record: what is known of a container between two commands, in one small binary file.
//! Runs in: the parent. `create` writes it twice, the first time before the first side effect; everybody else reads it.
//!
//! ```text
//! "brig"  version u16  lengths of head, template, filter u32 │ head: Stage │ template: ExecTemplate │ filter: program
//! ```
//!
//! All but `exec` need no more than the head, which one read gets. The filter's program is as it was loaded: `exec` neither
//! compiles nor looks for one. What is read is not trusted: it may be cut short, or
//! written by another version, and is then an error that says so.

mod find;
mod time;

use std::borrow::Cow;

use brig_handshake::wire::{Malformed, Wire, decode, encode};
use brig_handshake::{Text, wire_enum, wire_struct};
use brig_plan::checkpoint::Outside;
use brig_plan::plan::{ExecTemplate, IdMaps, ParentHook, StateFacts, Whose};
use brig_plan::resources::Resources;

use crate::error::{Error, Result};
use crate::intel_rdt::IntelRdt;
use crate::network::HostSide;
use crate::pid::Identity;
use crate::store::{ContainerId, Place, Store};

pub use time::Timestamp;

wire_enum! {
    #[allow(clippy::large_enum_variant, reason = "there is one, and it lives briefly")]
    /// How far creation has come.
    pub enum Stage<'a> {
        /// It has begun: what may exist by now.
        Intent(value: Intent<'a>) = 1,
        /// The container is there.
        Ready(value: Record<'a>) = 2,
    }
}

wire_struct! {
    /// What a creator is about to make. Enough to remove it all, should the creator be killed.
    pub struct Intent<'a> {
        /// Container id.
        pub id: Text<'a>,
        /// Absolute path of the bundle.
        pub bundle: Text<'a>,
        /// The cgroup that will be made; empty: none.
        pub cgroup: Vec<CgroupPlace<'a>>,
        /// Its class of service.
        pub intel_rdt: Option<IntelRdt<'a>>,
        /// Its interfaces on the host.
        pub network: HostSide<'a>,
        /// The unit that systemd will make for it.
        pub unit: Option<Unit<'a>>,
        /// When.
        pub created: Timestamp,
        /// Who.
        pub creator: Identity,
        /// Effective user id of the creator.
        pub owner: u32,
    }
}

wire_struct! {
    /// A container that was created.
    pub struct Record<'a> {
        /// What the state document says of it.
        pub facts: StateFacts<'a>,
        /// When it was created.
        pub created: Timestamp,
        /// Its first process.
        pub init: Identity,
        /// Its cgroup; empty: none.
        pub cgroup: Vec<CgroupPlace<'a>>,
        /// The unit of systemd that the cgroup belongs to, and that goes with it.
        pub unit: Option<Unit<'a>>,
        /// What was asked of it, by config.json and since.
        pub resources: Resources<'a>,
        /// Its class of service.
        pub intel_rdt: Option<IntelRdt<'a>>,
        /// Its interfaces on the host.
        pub network: HostSide<'a>,
        /// Effective user id of the creator.
        pub owner: u32,
        /// Whose its PID namespace is.
        pub pid_namespace: PidNamespace,
        /// `CLONE_NEW*` of all namespaces that config.json lists.
        pub namespaces: u32,
        /// Whether it waited, or waits, for `start`.
        pub gate: Gate,
        /// `hooks.poststart`.
        pub poststart: Vec<ParentHook<'a>>,
        /// `hooks.poststop`.
        pub poststop: Vec<ParentHook<'a>>,
        /// Maps of the user namespace that was made for it.
        pub id_maps: Option<IdMaps>,
        /// Failures to reach its cgroup are forgiven.
        pub rootless_cgroups: bool,
        /// What `checkpoint` has to know.
        pub outside: Outside<'a>,
    }
}

wire_enum! {
    /// Whose a container's PID namespace is.
    pub enum PidNamespace {
        /// Its own: the kernel kills everything in it when the first process ends (pid_namespaces(7)).
        Private = 1,
        /// The caller's, or one that was joined: other processes can outlive the first.
        Shared = 2,
    }
}

wire_enum! {
    /// Whether a container waits for `start`.
    pub enum Gate {
        /// It does: made by `create`.
        Waits = 1,
        /// It does not: made by `run`.
        None = 2,
    }
}

wire_struct! {
    /// The cgroup in one hierarchy.
    pub struct CgroupPlace<'a> {
        /// Controllers attached there, or one `name=…`; empty for v2.
        pub controllers: Vec<Cow<'a, [u8]>>,
        /// Where the hierarchy is mounted.
        pub mount: Cow<'a, [u8]>,
        /// Path beneath that.
        pub below: Cow<'a, [u8]>,
    }
}

wire_struct! {
    /// A unit of systemd.
    pub struct Unit<'a> {
        /// Its whole name.
        pub name: Cow<'a, str>,
        /// Whose systemd has it.
        pub whose: Whose,
    }
}

impl<'a> Stage<'a> {
    /// The cgroup, or what may have become of it.
    pub fn cgroup(&self) -> &[CgroupPlace<'a>] {
        match self {
            Self::Intent(intent) => &intent.cgroup,
            Self::Ready(record) => &record.cgroup,
        }
    }
}

/// The cgroup's paths as the record keeps them.
pub fn keep_paths(paths: &brig_cgroup::Paths) -> Vec<CgroupPlace<'static>> {
    let bytes = |text: &String| Cow::Owned(text.clone().into_bytes());
    let keep = |place: &brig_cgroup::Place| CgroupPlace {
        controllers: place.controllers.iter().map(bytes).collect(),
        mount: bytes(&place.mount),
        below: bytes(&place.below),
    };
    paths.places.iter().map(keep).collect()
}

/// The cgroup's paths as they are used.
pub fn paths(places: &[CgroupPlace<'_>]) -> brig_cgroup::Paths {
    let text = |bytes: &Cow<'_, [u8]>| String::from_utf8_lossy(bytes).into_owned();
    let place = |place: &CgroupPlace<'_>| brig_cgroup::Place {
        controllers: place.controllers.iter().map(text).collect(),
        mount: text(&place.mount),
        below: text(&place.below),
    };
    brig_cgroup::Paths { places: places.iter().map(place).collect() }
}

/// How much of a record to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All but what only `exec` needs.
    Head,
    /// All.
    Whole,
}

impl Place {
    /// Writes the first record, before the first side effect.
    ///
    /// # Errors
    /// `Os`.
    pub fn write_intent(&self, intent: &Intent<'_>) -> Result<()> {
        // A copy is cheap here, and what is read back is of the enum's type.
        self.write(RECORD, &file(&encode(&Stage::Intent(intent.clone())), &[], &[])?)
    }

    /// Writes the record of a container that is there.
    ///
    /// # Errors
    /// `Os`, or `Record` for more than 4 GiB.
    pub fn write_record(
        &self,
        record: &Record<'_>,
        template: &ExecTemplate<'_>,
        filter: &[u8],
    ) -> Result<()> {
        self.prepare_record(record, template, filter)?;
        self.settle_record()
    }

    /// Writes it beside the one that is there.
    ///
    /// # Errors
    /// `Os`, or `Record` for more than 4 GiB.
    pub(crate) fn prepare_record(
        &self,
        record: &Record<'_>,
        template: &ExecTemplate<'_>,
        filter: &[u8],
    ) -> Result<()> {
        self.prepare(RECORD, &file(&encode(&Stage::Ready(record.clone())), &encode(template), filter)?)
    }

    /// Writes it anew with another head, in place of the one that was `read` whole.
    ///
    /// # Errors
    /// `Os`, `Record`.
    pub(crate) fn rewrite_record(&self, record: &Record<'_>, read: &RecordFile) -> Result<()> {
        let (template, filter) = read.behind_head()?;
        self.write(RECORD, &file(&encode(&Stage::Ready(record.clone())), template, filter)?)
    }

    /// Puts the one that was prepared in place.
    ///
    /// # Errors
    /// `Os`.
    pub(crate) fn settle_record(&self) -> Result<()> {
        self.settle(RECORD)
    }
}

impl Store {
    /// Finds a container and its record.
    ///
    /// # Errors
    /// `NotFound`, also for a directory without a record; `Os`, `Record`.
    pub fn load(&self, id: &ContainerId, part: Part) -> Result<(Place, RecordFile)> {
        let place = self.find(id)?;
        let record = place.record(part)?.ok_or_else(Error::not_found)?;
        Ok((place, record))
    }
}

/// A record as it was read. [`Stage`] and [`ExecTemplate`] borrow from it.
#[derive(Debug, Clone)]
pub struct RecordFile {
    bytes: Vec<u8>,
    header: Header,
}

impl RecordFile {
    fn new(bytes: Vec<u8>, part: Part) -> Result<Self> {
        let header = Header::read(&bytes)?;
        if bytes.len() < header.end(part)? {
            return Err(Error::record("cut short"));
        }
        Ok(Self { bytes, header })
    }

    /// Its head.
    ///
    /// # Errors
    /// `Record`.
    pub fn stage(&self) -> Result<Stage<'_>> {
        let head = self.bytes.get(HEADER..self.header.end(Part::Head)?).unwrap_or_default();
        decode(head).map_err(malformed)
    }

    /// The record of a container that is there.
    ///
    /// # Errors
    /// `Record`; `WrongStatus` while it is being created.
    pub fn ready(&self) -> Result<Record<'_>> {
        match self.stage()? {
            Stage::Ready(record) => Ok(record),
            Stage::Intent(_) => Err(Error::not_running()),
        }
    }

    /// What `exec` starts from. For a record of which the whole was read.
    ///
    /// # Errors
    /// `Record`.
    pub fn exec_template(&self) -> Result<ExecTemplate<'_>> {
        decode(self.behind_head()?.0).map_err(malformed)
    }

    /// The filter's program; empty: there is none. For a record of which the whole was read.
    ///
    /// # Errors
    /// `Record`.
    pub fn filter(&self) -> Result<&[u8]> {
        Ok(self.behind_head()?.1)
    }

    fn behind_head(&self) -> Result<(&[u8], &[u8])> {
        let both = self.bytes.get(self.header.end(Part::Head)?..self.header.end(Part::Whole)?);
        let template = usize::try_from(self.header.template).map_err(|_| Error::record("too long"))?;
        both.and_then(|both| both.split_at_checked(template)).ok_or_else(|| Error::record("cut short"))
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    head: u32,
    template: u32,
    filter: u32,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| not_one(bytes))?;
        let cut_short = |_: Malformed| Error::record("cut short");
        let mut rest = rest;
        let version = u16::take(&mut rest).map_err(cut_short)?;
        if version != VERSION {
            let words = format!("of version {version}, while this brig reads version {VERSION}");
            return Err(Error::record(words));
        }
        let mut length = || u32::take(&mut rest).map_err(cut_short);
        Ok(Self { head: length()?, template: length()?, filter: length()? })
    }

    fn end(self, part: Part) -> Result<usize> {
        let (template, filter) = if part == Part::Whole { (self.template, self.filter) } else { (0, 0) };
        let end = u64::from(self.head) + u64::from(template) + u64::from(filter) + HEADER as u64;
        usize::try_from(end).map_err(|_| Error::record("too long"))
    }
}

fn not_one(bytes: &[u8]) -> Error {
    Error::record(if MAGIC.starts_with(bytes) { "cut short" } else { "not a record of brig" })
}

fn malformed(error: Malformed) -> Error {
    Error::record(error)
}

fn file(head: &[u8], template: &[u8], filter: &[u8]) -> Result<Vec<u8>> {
    let length = |part: &[u8]| u32::try_from(part.len()).map_err(|_| Error::record("too long"));
    let parts = [head, template, filter];
    let mut bytes = Vec::with_capacity(HEADER + parts.iter().map(|part| part.len()).sum::<usize>());
    bytes.extend_from_slice(MAGIC);
    VERSION.put(&mut bytes);
    for part in parts {
        length(part)?.put(&mut bytes);
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

/// Name of the file. Who removes it has deleted the container.
pub(crate) const RECORD: &str = "record";

const MAGIC: &[u8] = b"brig";

/// Raised with every change of what is encoded.
const VERSION: u16 = 3;

/// Magic, version, three lengths.
const HEADER: usize = 18;

#[cfg(test)]
pub(crate) mod tests;
