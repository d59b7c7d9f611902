//! `linux.cgroupsPath` as systemd's manager reads it: `slice:prefix:name`.
//! Runs in: the parent; pure.

use crate::plan::{UnitKind, Whose};
use crate::refusal::Refusal;

/// A unit, and where its cgroup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitName {
    /// Its whole name: `brig-c1.scope`.
    pub name: String,
    /// A scope with processes, or a slice.
    pub kind: UnitKind,
    /// The slice above it.
    pub slice: String,
    /// Its cgroup below the cgroup of systemd itself, without a slash at either end.
    pub path: String,
}

/// The unit for a container. Without a path it is `brig-ID.scope` in the usual slice.
///
/// # Errors
/// The path is not `slice:prefix:name`, or names no slice or no unit.
pub fn unit_name(cgroups_path: &str, id: &str, whose: Whose) -> Result<UnitName, Refusal> {
    let refused = |words: String| Refusal::runc("linux.cgroupsPath", words);
    let (slice, prefix, name) = match cgroups_path.split(':').collect::<Vec<_>>().as_slice() {
        [""] => ("", "brig", id),
        [slice, prefix, name] => (*slice, *prefix, *name),
        _ => {
            return Err(refused(format!(
                "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got {cgroups_path:?} instead"
            )));
        }
    };
    let slice = match (slice, whose) {
        ("", Whose::System) => "system.slice",
        ("", Whose::User) => "user.slice",
        (slice, _) => slice,
    };
    let invalid_slice = || refused(format!("invalid slice name: {slice}"));
    let above = slice_path(slice).ok_or_else(invalid_slice)?;
    if name.ends_with(SLICE) {
        let path = slice_path(name).filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| refused(format!("invalid slice name: {name}")))?;
        return Ok(UnitName { name: name.to_owned(), kind: UnitKind::Slice, slice: slice.to_owned(), path });
    }
    if name.is_empty() || prefix.contains('/') || name.contains('/') {
        return Err(refused(format!("invalid unit name: {prefix}-{name}.scope")));
    }
    let unit = escape(&format!("{prefix}-{name}.scope"));
    if unit.len() > LONGEST {
        return Err(refused(format!("invalid unit name: {unit} is longer than {LONGEST} bytes")));
    }
    let path = join(&above, &directory(&unit));
    Ok(UnitName { name: unit, kind: UnitKind::Scope, slice: slice.to_owned(), path })
}

/// `a-b.slice` is `a.slice/a-b.slice`, and `-.slice` is the root (systemd.slice(5)).
fn slice_path(slice: &str) -> Option<String> {
    let name = slice.strip_suffix(SLICE)?;
    if name == "-" {
        return Some(String::new());
    }
    if name.is_empty() || name.split('-').any(str::is_empty) || escape(slice) != slice {
        return None;
    }
    let ends = name.match_indices('-').map(|(end, _)| end).chain([name.len()]);
    let levels = ends.filter_map(|end| name.get(..end)).map(|level| directory(&format!("{level}{SLICE}")));
    Some(levels.collect::<Vec<_>>().join("/"))
}

/// What may not stand in the name of a unit becomes `\x2b` (systemd.unit(5), "String escaping for inclusion in unit names").
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b':' | b'-' | b'_' | b'.' | b'\\' => {
                escaped.push(byte.into())
            }
            other => escaped.push_str(&format!("\\x{other:02x}")),
        }
    }
    escaped
}

/// The directory of a unit: one that could be mistaken for a file of the kernel has `_` before its name.
fn directory(unit: &str) -> String {
    let of_the_kernel =
        FILES.iter().any(|prefix| unit.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')));
    if of_the_kernel || unit.starts_with(['_', '.']) { format!("_{unit}") } else { unit.to_owned() }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

const SLICE: &str = ".slice";

/// The longest name of a unit.
const LONGEST: usize = 255;

/// What the kernel's files in a cgroup begin with, as far as systemd looks for it.
const FILES: [&str; 10] =
    ["cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "hugetlb"];

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(path: &str) -> Result<(String, String, String), String> {
        let unit = unit_name(path, "c1", Whose::System).map_err(|refusal| refusal.to_string())?;
        Ok((unit.name, unit.slice, unit.path))
    }

    #[test]
    fn a_path_is_slice_prefix_and_name() {
        let table = [
            ("", ["brig-c1.scope", "system.slice", "system.slice/brig-c1.scope"]),
            ("::x", ["-x.scope", "system.slice", "system.slice/-x.scope"]),
            (
                "system.slice:docker:1234",
                ["docker-1234.scope", "system.slice", "system.slice/docker-1234.scope"],
            ),
            ("-.slice:a:b", ["a-b.scope", "-.slice", "a-b.scope"]),
            (
                "kubepods-besteffort-pod1_2.slice:cri:9",
                [
                    "cri-9.scope",
                    "kubepods-besteffort-pod1_2.slice",
                    "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/cri-9.scope",
                ],
            ),
            ("a.slice:p:a+b", ["p-a\\x2bb.scope", "a.slice", "a.slice/p-a\\x2bb.scope"]),
            ("_a.slice:_p:n", ["_p-n.scope", "_a.slice", "__a.slice/__p-n.scope"]),
            ("::cpu-x.slice", ["cpu-x.slice", "system.slice", "_cpu.slice/cpu-x.slice"]),
        ];
        for (path, want) in table {
            let want = want.map(str::to_owned);
            assert_eq!(unit(path).unwrap(), want.into(), "{path}");
        }
        let user = unit_name("", "c", Whose::User).unwrap();
        assert_eq!(user.path, "user.slice/brig-c.scope");
    }

    #[test]
    fn a_path_of_another_form_is_refused_in_runc_s_words() {
        for path in ["/a/b", "a:b", "a:b:c:d", "/"] {
            let want = format!(
                "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got {path:?} instead (linux.cgroupsPath)"
            );
            assert_eq!(unit(path).unwrap_err(), want);
        }
        for slice in ["x", ".slice", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice", "a b.slice"] {
            let want = format!("invalid slice name: {slice} (linux.cgroupsPath)");
            assert_eq!(unit(&format!("{slice}:p:n")).unwrap_err(), want);
        }
        for name in [".slice", "-.slice", "a--b.slice"] {
            assert_eq!(
                unit(&format!("::{name}")).unwrap_err(),
                format!("invalid slice name: {name} (linux.cgroupsPath)")
            );
        }
        assert_eq!(unit(":p:").unwrap_err(), "invalid unit name: p-.scope (linux.cgroupsPath)");
        assert_eq!(unit(":p:a/b").unwrap_err(), "invalid unit name: p-a/b.scope (linux.cgroupsPath)");
        assert!(unit(&format!(":p:{}", "x".repeat(250))).unwrap_err().contains("longer than 255 bytes"));
    }
}
