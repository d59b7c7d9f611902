//! Checkpoints: what of a container is outside, so that CRIU neither dumps nor makes it, but is told where it is.
//! Runs in: the parent; pure. Done in the runtime's `checkpoint` and `restore`.
//!
//! Bind mounts show the host's files; so do control groups of version 1 without a cgroup namespace, devices that could not be
//! made, and what lies over masked files. Everything else, a new instance of a file system, is CRIU's to dump and to make.

use brig_handshake::mounts::{Mount, What};
use brig_handshake::{Text, wire_struct};

use crate::plan::Plan;
use crate::refusal::Refusal;
use crate::state::json_string;
use crate::text::text;

wire_struct! {
    /// What a later `checkpoint` has to know.
    pub struct Outside<'a> {
        /// Where mounts are that show the host's files, as config.json says it.
        pub mounts: Vec<Text<'a>>,
        /// `linux.maskedPaths`.
        pub masked: Vec<Text<'a>>,
        /// `CLONE_NEW*` of the namespaces that were joined.
        pub joined: u32,
        /// The standard streams that are pipes, by inode; 0 for one that is none.
        pub pipes: Vec<u64>,
    }
}

/// What a container that was planned has outside. `pipes` are its standard streams.
pub fn outside<'p>(plan: &'p Plan<'_>, pipes: [u64; 3]) -> Outside<'p> {
    let borrowed = |text: &'p Text<'_>| Text::Borrowed(&**text);
    let rootfs = &plan.task.rootfs;
    let mut mounts = Vec::with_capacity(rootfs.mounts.len());
    for mount in &rootfs.mounts {
        match &mount.what {
            What::Bind(_) => mounts.push(borrowed(&mount.destination)),
            What::Cgroup1(_) => mounts.extend(hierarchies(mount).map(|external| external.destination)),
            What::Filesystem(_) | What::Cgroup2(_) => {}
        }
    }
    mounts.extend(rootfs.devices.iter().flat_map(|devices| &devices.nodes).map(|node| borrowed(&node.path)));
    Outside {
        mounts,
        masked: rootfs.masked_paths.iter().map(borrowed).collect(),
        joined: plan.start.join.iter().fold(0, |all, join| all | join.kind),
        pipes: pipes.to_vec(),
    }
}

/// A mount that shows the host's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External<'p> {
    /// Where, as config.json says it.
    pub destination: Text<'p>,
    /// What, on the host.
    pub source: Text<'p>,
    /// The place in `task.rootfs.mounts` of a bind mount.
    pub bind: Option<u32>,
    /// What is mounted below the source comes along.
    pub recursive: bool,
}

impl<'p> External<'p> {
    fn alone(destination: Text<'p>, source: Text<'p>) -> Self {
        Self { destination, source, bind: None, recursive: false }
    }
}

/// All mounts of a plan that show the host's files.
pub fn external<'p>(plan: &'p Plan<'_>) -> Vec<External<'p>> {
    let rootfs = &plan.task.rootfs;
    let mut all = Vec::with_capacity(rootfs.mounts.len());
    for (place, mount) in (0..).zip(&rootfs.mounts) {
        match &mount.what {
            What::Bind(bind) => all.push(External {
                destination: Text::Borrowed(&*mount.destination),
                source: Text::Borrowed(&*bind.source),
                bind: Some(place),
                recursive: bind.recursive,
            }),
            What::Cgroup1(_) => all.extend(hierarchies(mount)),
            What::Filesystem(_) | What::Cgroup2(_) => {}
        }
    }
    for node in rootfs.devices.iter().flat_map(|devices| &devices.nodes) {
        let path = || Text::Borrowed(&*node.path);
        all.push(External::alone(path(), path()));
    }
    if !rootfs.masked_paths.is_empty() {
        // This is what masked files are called in the images, by runc and by us.
        all.push(External::alone(Text::Borrowed(NULL), Text::Borrowed(NULL)));
    }
    all
}

/// Version 1 hierarchies that are bound. With a cgroup namespace each is a new instance.
fn hierarchies<'p>(mount: &'p Mount<'_>) -> impl Iterator<Item = External<'p>> {
    let found = match &mount.what {
        What::Cgroup1(cgroup) => &cgroup.hierarchies[..],
        What::Bind(_) | What::Filesystem(_) | What::Cgroup2(_) => &[],
    };
    found.iter().filter(|hierarchy| hierarchy.data.is_none()).filter_map(|hierarchy| {
        let below = [mount.destination.to_bytes(), b"/", hierarchy.name.to_bytes()].concat();
        let destination = text(below, format_args!("mounts[{}].destination", mount.index)).ok()?;
        Some(External::alone(destination, Text::Borrowed(&*hierarchy.source)))
    })
}

/// A mount point that has to be there before CRIU mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint<'p> {
    /// Where.
    pub destination: Text<'p>,
    /// What will be bound there: mount points below it are made in it.
    pub bound: Option<Text<'p>>,
}

/// The mount points of a plan, in the order of the file. Those in file systems that CRIU makes are CRIU's to make, or are there
/// by themselves.
pub fn mount_points<'p>(plan: &'p Plan<'_>) -> Vec<MountPoint<'p>> {
    let mounts = &plan.task.rootfs.mounts;
    let made_by_criu = |mount: &Mount<'_>| {
        let top = mounts.iter().filter(|other| is_below(&mount.destination, &other.destination));
        let top = top.max_by_key(|other| other.destination.to_bytes().len());
        top.is_some_and(|other| !matches!(other.what, What::Bind(_)))
    };
    let is_cgroup = |mount: &Mount<'_>| matches!(mount.what, What::Cgroup1(_) | What::Cgroup2(_));
    let needed = mounts.iter().filter(|mount| !is_cgroup(mount) && !made_by_criu(mount));
    needed
        .map(|mount| MountPoint {
            destination: Text::Borrowed(&*mount.destination),
            bound: match &mount.what {
                What::Bind(bind) => Some(Text::Borrowed(&*bind.source)),
                What::Filesystem(_) | What::Cgroup1(_) | What::Cgroup2(_) => None,
            },
        })
        .collect()
}

fn is_below(path: &Text<'_>, above: &Text<'_>) -> bool {
    let rest = path.to_bytes().strip_prefix(above.to_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"/"))
}

/// `descriptors.json`: what the standard streams are, as a link in `/proc/PID/fd` says it.
pub fn descriptors(links: &[Text<'_>]) -> String {
    let links: Vec<String> = links.iter().map(json_string).collect();
    format!("[{}]", links.join(","))
}

/// Reads it.
///
/// # Errors
/// It is not a list of texts.
pub fn read_descriptors(json: &[u8]) -> Result<Vec<String>, Refusal> {
    serde_json::from_slice(json).map_err(|error| Refusal::at("", format!("descriptors.json: {error}")))
}

const NULL: &std::ffi::CStr = c"/dev/null";
