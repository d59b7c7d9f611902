//! Where the container's cgroup is, from `linux.cgroupsPath`, the layout and our own cgroup. Pure but for reading
//! `/proc/PID/cgroup`.
//! Runs in: the parent, before anything is made.

use rustix::process::Pid;

use crate::beneath;
use crate::error::{Error, Step};
use crate::hierarchy::{Hierarchy, Layout};

/// In which cgroups a process is: the content of `/proc/PID/cgroup` (cgroups(7)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// Controllers (`cpu`, `name=systemd`; one empty word for v2) and path.
    lines: Vec<(Vec<String>, String)>,
}

impl Membership {
    /// That of this process.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_self() -> Result<Membership, Error> {
        Membership::read("/proc/self/cgroup")
    }

    /// That of another process.
    ///
    /// # Errors
    /// The file cannot be read; `is_missing` if there is no such process.
    pub fn of(pid: Pid) -> Result<Membership, Error> {
        Membership::read(&format!("/proc/{pid}/cgroup"))
    }

    fn read(path: &str) -> Result<Membership, Error> {
        let text =
            beneath::read_proc(path).map_err(|errno| Error::call(Step::ReadMembership, path, errno))?;
        Ok(Membership::parse(&text))
    }

    /// Reads lines like `4:memory:/a/b`, passing over what makes no sense.
    pub fn parse(text: &[u8]) -> Membership {
        let line = |line: &[u8]| {
            let mut fields = str::from_utf8(line).ok()?.splitn(3, ':').skip(1);
            let controllers = fields.next()?.split(',').map(str::to_owned).collect();
            let path = fields.next().filter(|path| path.starts_with('/'))?;
            Some((controllers, path.to_owned()))
        };
        Membership { lines: text.split(|&byte| byte == b'\n').filter_map(line).collect() }
    }

    /// Path in the hierarchy of `controller`: `memory`, `name=systemd`, or empty for v2.
    pub fn path_of(&self, controller: &str) -> Option<&str> {
        let has = |(names, _): &&(Vec<String>, String)| names.iter().any(|name| name == controller);
        self.lines.iter().find(has).map(|(_, path)| path.as_str())
    }

    /// Each controller, and each `name=…`, with the path in its hierarchy; v2's word is empty.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().flat_map(|(names, path)| names.iter().map(|name| (name.as_str(), path.as_str())))
    }
}

/// The container's directory in each hierarchy. Plain data, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// One for each hierarchy; on v2 exactly one.
    pub places: Vec<Place>,
}

/// One directory of one hierarchy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Controllers attached there, or one `name=…`; empty for v2 (also the unified part of a hybrid layout).
    pub controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    pub mount: String,
    /// Path beneath `mount`: clean, without a slash at either end.
    pub below: String,
}

impl Place {
    /// Path on the host.
    pub fn absolute(&self) -> String {
        absolute(&self.mount, &self.below)
    }

    /// Whether it belongs to a cgroup2 hierarchy.
    pub fn is_v2(&self) -> bool {
        self.controllers.is_empty()
    }

    pub(crate) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}

pub(crate) fn absolute(mount: &str, below: &str) -> String {
    if below.is_empty() { mount.to_owned() } else { format!("{}/{below}", mount.trim_end_matches('/')) }
}

impl Paths {
    /// The one place of version 2, if there is no other: neither v1 nor a hybrid layout.
    pub fn v2_alone(&self) -> Option<&Place> {
        match self.places.as_slice() {
            [only] if only.is_v2() => Some(only),
            _ => None,
        }
    }

    /// Whether it is v2's of a hybrid layout, where v1 has the controllers. runc makes no group there, so an ordinary user need
    /// not have been given one: it is done without.
    pub(crate) fn is_beside(&self, place: &Place) -> bool {
        place.is_v2() && self.v2_alone().is_none()
    }

    /// Applies the rules of runc's cgroupfs manager to `linux.cgroupsPath`.
    ///
    /// An absolute path is taken from the mountpoint on. A relative one, or the `id` where there is none, starts from our
    /// own cgroup of each hierarchy; on v2 from its parent, for a cgroup that has processes (us) can have no children with
    /// controllers. `..` never leads above where a path starts. `own` is asked only for a relative path.
    ///
    /// # Errors
    /// `NotMounted`, `NoName`, `NoOwnCgroup`, or the error of `own`.
    pub fn resolve(
        layout: &Layout,
        cgroups_path: Option<&str>,
        id: &str,
        own: impl FnOnce() -> Result<Membership, Error>,
    ) -> Result<Paths, Error> {
        if *layout == Layout::None {
            return Err(Error::NotMounted);
        }
        let text = cgroups_path.filter(|path| !path.is_empty()).unwrap_or(id);
        let name = clean(text);
        if name.is_empty() || name.contains(['\0', '\n']) {
            return Err(Error::NoName { cgroups_path: text.to_owned() });
        }
        if text.starts_with('/') && cgroups_path.is_some() {
            return layout.places(|_, _| Ok(name.clone()));
        }
        let own = own()?;
        layout.places(|hierarchy, start| Ok(join(&base(hierarchy, start, &own)?, &name)))
    }

    /// Where a process is now. For `exec` into a container whose init has moved itself.
    ///
    /// # Errors
    /// `NotMounted`, or `NoOwnCgroup` if a hierarchy is not in `membership`.
    pub fn of(layout: &Layout, membership: &Membership) -> Result<Paths, Error> {
        if *layout == Layout::None {
            return Err(Error::NotMounted);
        }
        layout.places(|hierarchy, _| base(hierarchy, Start::Own, membership))
    }

    /// Each controller with its absolute path, one by one: what runc's state document calls `cgroup_paths`. The v2
    /// hierarchy's key is empty.
    pub fn by_controller(&self) -> impl Iterator<Item = (&str, String)> {
        self.places.iter().flat_map(|place| {
            let none = place.is_v2().then_some("");
            let names = place.controllers.iter().map(String::as_str);
            names.chain(none).map(|name| (name, place.absolute()))
        })
    }
}

/// What a relative path starts from.
#[derive(Clone, Copy)]
enum Start {
    Own,
    ParentOfOwn,
}

impl Layout {
    fn places(
        &self,
        mut below: impl FnMut(&Hierarchy, Start) -> Result<String, Error>,
    ) -> Result<Paths, Error> {
        let mut place = |hierarchy: &Hierarchy, start| {
            let mut controllers = hierarchy.controllers.clone();
            controllers.extend(hierarchy.name.as_ref().map(|name| format!("name={name}")));
            Ok(Place { controllers, mount: hierarchy.mountpoint.clone(), below: below(hierarchy, start)? })
        };
        let places = match self {
            Layout::None => Vec::new(),
            Layout::V2 { root } => {
                let only =
                    Hierarchy { mountpoint: root.clone(), root: "/".to_owned(), ..Hierarchy::default() };
                vec![place(&only, Start::ParentOfOwn)?]
            }
            Layout::V1 { hierarchies, unified } => {
                let all = hierarchies.iter().chain(unified);
                all.map(|hierarchy| place(hierarchy, Start::Own)).collect::<Result<_, Error>>()?
            }
        };
        Ok(Paths { places })
    }
}

/// Our own cgroup of a hierarchy, as a path beneath its mountpoint.
fn base(hierarchy: &Hierarchy, start: Start, own: &Membership) -> Result<String, Error> {
    let named = hierarchy.name.as_ref().map(|name| format!("name={name}"));
    let key = named.as_deref().or(hierarchy.controllers.first().map(String::as_str)).unwrap_or("");
    let path = own.path_of(key).ok_or_else(|| Error::NoOwnCgroup { controller: key.to_owned() })?;
    let below = clean(beneath_root(path, &hierarchy.root));
    Ok(match start {
        Start::Own => below,
        Start::ParentOfOwn => {
            below.rsplit_once('/').map_or_else(String::new, |(parent, _)| parent.to_owned())
        }
    })
}

/// The part of `path` that can be seen through a mount of the directory `root`. Where it cannot be seen (we stand outside of
/// the cgroup namespace or of what was bound), the mountpoint itself is the nearest place.
fn beneath_root<'a>(path: &'a str, root: &str) -> &'a str {
    if path.split('/').any(|part| part == "..") {
        return "/";
    }
    match path.strip_prefix(root.trim_end_matches('/')) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => "/",
    }
}

/// Resolves `.`, `..` and double slashes in the text as if it started at a root; the result has no slash at either end.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

pub(crate) fn join(base: &str, name: &str) -> String {
    match (base, name) {
        ("", one) | (one, "") => one.to_owned(),
        (base, name) => format!("{base}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[u8] = b"9:name=systemd:/\n4:memory:/api/x\n2:cpu,cpuacct:/api:y\n0::/user.slice/me.scope\n";

    fn own() -> Result<Membership, Error> {
        Ok(Membership::parse(OWN))
    }

    fn hierarchy(controllers: &[&str], name: Option<&str>, mountpoint: &str, root: &str) -> Hierarchy {
        Hierarchy {
            controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
            name: name.map(str::to_owned),
            mountpoint: mountpoint.to_owned(),
            root: root.to_owned(),
        }
    }

    fn v2() -> Layout {
        Layout::V2 { root: "/sys/fs/cgroup".into() }
    }

    fn hybrid() -> Layout {
        Layout::V1 {
            hierarchies: vec![
                hierarchy(&["memory"], None, "/cg/memory", "/"),
                hierarchy(&["cpu", "cpuacct"], None, "/cg/cpu,cpuacct", "/"),
                hierarchy(&[], Some("systemd"), "/cg/systemd", "/"),
            ],
            unified: Some(hierarchy(&[], None, "/cg/unified", "/")),
        }
    }

    #[test]
    fn on_v2_a_path_starts_at_the_mount_or_at_the_parent_of_our_own() {
        let table: &[(Option<&str>, &str)] = &[
            (None, "/sys/fs/cgroup/user.slice/id"),
            (Some(""), "/sys/fs/cgroup/user.slice/id"),
            (Some("/a/b"), "/sys/fs/cgroup/a/b"),
            (Some("a/b"), "/sys/fs/cgroup/user.slice/a/b"),
            (Some("/a/../../../b//c/."), "/sys/fs/cgroup/b/c"),
            (Some("../../../../a"), "/sys/fs/cgroup/user.slice/a"),
            (Some("/system.slice:docker:x"), "/sys/fs/cgroup/system.slice:docker:x"),
        ];
        for (text, want) in table {
            let paths = Paths::resolve(&v2(), *text, "id", own).unwrap();
            assert_eq!(paths.places[0].absolute(), *want, "{text:?}");
            assert!(paths.places[0].is_v2());
        }
    }

    #[test]
    fn on_v1_a_relative_path_starts_at_our_own_cgroup_of_each_hierarchy() {
        let paths = Paths::resolve(&hybrid(), None, "id", own).unwrap();
        let all: Vec<_> = paths.by_controller().collect();
        let want = [
            ("memory", "/cg/memory/api/x/id"),
            ("cpu", "/cg/cpu,cpuacct/api:y/id"),
            ("cpuacct", "/cg/cpu,cpuacct/api:y/id"),
            ("name=systemd", "/cg/systemd/id"),
            ("", "/cg/unified/user.slice/me.scope/id"),
        ];
        assert_eq!(all, want.map(|(name, path)| (name, path.to_owned())));
        let paths = Paths::resolve(&hybrid(), Some("/a"), "id", own).unwrap();
        assert!(
            paths.by_controller().all(|(_, path)| path.ends_with("/a") && path.matches('/').count() == 3)
        );
    }

    #[test]
    fn an_absolute_path_does_not_ask_for_our_own_cgroup() {
        Paths::resolve(&hybrid(), Some("/a"), "id", || panic!("asked")).unwrap();
    }

    #[test]
    fn a_path_that_names_nothing_is_refused() {
        for text in ["/", "..", "/..", ".", "a/..", "a\0b", "a\nb"] {
            let error = Paths::resolve(&v2(), Some(text), "id", own).unwrap_err();
            assert!(matches!(error, Error::NoName { .. }), "{text:?}: {error}");
        }
        assert!(matches!(Paths::resolve(&v2(), None, "..", own), Err(Error::NoName { .. })));
        assert_eq!(Paths::resolve(&Layout::None, None, "id", own), Err(Error::NotMounted));
    }

    #[test]
    fn a_bound_part_of_a_hierarchy_is_its_mount_s_root() {
        let table = [
            ("/docker/c", "/docker/c", ""),
            ("/docker/c/sub", "/docker/c", "sub"),
            ("/docker/c2", "/docker/c", ""),
            ("/elsewhere", "/docker/c", ""),
            ("/../other", "/", ""),
            ("/a", "/..", ""),
            ("/", "/", ""),
        ];
        for (own, root, want) in table {
            let membership = Membership::parse(format!("1:pids:{own}\n").as_bytes());
            let hierarchy = hierarchy(&["pids"], None, "/cg/pids", root);
            assert_eq!(base(&hierarchy, Start::Own, &membership).unwrap(), want, "{own} in {root}");
        }
    }

    #[test]
    fn at_the_root_of_v2_the_parent_is_the_root() {
        let own = || Ok(Membership::parse(b"0::/\n"));
        assert_eq!(Paths::resolve(&v2(), None, "id", own).unwrap().places[0].below, "id");
        let own = || Ok(Membership::parse(b"0::/../../a/b\n"));
        assert_eq!(Paths::resolve(&v2(), None, "id", own).unwrap().places[0].below, "id");
    }

    #[test]
    fn a_hierarchy_that_we_are_not_in_is_an_error() {
        let error = Paths::resolve(&v2(), None, "id", || Ok(Membership::default())).unwrap_err();
        assert_eq!(error, Error::NoOwnCgroup { controller: String::new() });
    }

    #[test]
    fn lines_of_a_membership_are_read_and_broken_ones_passed_over() {
        let own = Membership::parse(b"x\n1:a\n2:pids:relative\n3:cpu,cpuacct:/a:b c\n\xff:x:/\n0::/\n");
        assert_eq!(own.path_of("cpuacct"), Some("/a:b c"));
        assert_eq!(own.path_of(""), Some("/"));
        assert_eq!(own.path_of("pids"), None);
        assert_eq!(Membership::parse(b""), Membership::default());
    }

    #[test]
    fn where_a_process_is_becomes_paths() {
        let paths = Paths::of(&v2(), &own().unwrap()).unwrap();
        assert_eq!(paths.places[0].absolute(), "/sys/fs/cgroup/user.slice/me.scope");
    }
}
