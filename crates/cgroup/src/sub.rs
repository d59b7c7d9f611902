//! Sub-cgroups of a container's cgroup, as `exec --cgroup` names them. Pure.
//! Runs in: the parent.

use crate::error::Error;
use crate::path::{Paths, Place, clean, join};

/// The `--cgroup` arguments: `path` for all hierarchies, or `controller[,controller]:path`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubPaths {
    /// Controller (empty: all hierarchies) and path.
    entries: Vec<(String, String)>,
}

impl SubPaths {
    /// Reads the arguments, in their order.
    ///
    /// # Errors
    /// `SubArgument`.
    pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<SubPaths, Error> {
        let mut entries: Vec<(String, String)> = Vec::new();
        for argument in arguments.iter().map(AsRef::as_ref) {
            let Some((controllers, path)) = argument.split_once(':') else {
                if arguments.len() != 1 {
                    return refused(format!(": {argument} (missing <controller>: prefix)"));
                }
                return Ok(SubPaths { entries: vec![(String::new(), argument.to_owned())] });
            };
            for controller in controllers.split(',') {
                if controller.is_empty() {
                    return refused(format!(": {argument} (empty <controller> prefix)"));
                }
                if entries.iter().any(|(known, _)| known == controller) {
                    return refused(format!("(s): multiple paths for controller {controller}"));
                }
                entries.push((controller.to_owned(), path.to_owned()));
            }
        }
        Ok(SubPaths { entries })
    }

    /// Whether no argument was given.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn refused<T>(reason: String) -> Result<T, Error> {
    Err(Error::SubArgument { reason })
}

impl Paths {
    /// These paths with the sub-cgroups put below them. They are not made: joining one that is missing fails.
    ///
    /// # Errors
    /// `SubPath` if a path leaves its cgroup, `UnknownController`.
    pub fn with_sub(&self, sub: &SubPaths) -> Result<Paths, Error> {
        let mut paths = self.clone();
        for (controller, path) in &sub.entries {
            let places = paths.places.iter_mut();
            let mut chosen: Vec<&mut Place> =
                places.filter(|place| controller.is_empty() || place.has(controller)).collect();
            if chosen.is_empty() {
                return Err(Error::UnknownController { controller: controller.clone() });
            }
            for place in &mut chosen {
                // From the container's own cgroup each time: comounted controllers may be given the same path twice.
                let base = self.places.iter().find(|own| own.mount == place.mount);
                place.below = below(base.map_or("", |own| &own.below), path)?;
            }
        }
        Ok(paths)
    }
}

/// `sub` beneath `base`; a leading slash means `base` itself, and `..` may not lead out of it.
fn below(base: &str, sub: &str) -> Result<String, Error> {
    let mut depth = 0_usize;
    for part in sub.split('/') {
        depth = match part {
            "" | "." => depth,
            ".." => depth.checked_sub(1).ok_or_else(|| Error::SubPath { path: sub.to_owned() })?,
            _ => depth + 1,
        };
    }
    Ok(join(base, &clean(sub)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(controllers: &[&str], mount: &str) -> Place {
        let controllers = controllers.iter().map(|&name| name.to_owned()).collect();
        Place { controllers, mount: mount.to_owned(), below: "c".to_owned() }
    }

    fn v1() -> Paths {
        Paths { places: vec![place(&["memory"], "/m"), place(&["cpu", "cpuacct"], "/c"), place(&[], "/u")] }
    }

    fn resolved(arguments: &[&str]) -> Result<Vec<String>, String> {
        let sub = SubPaths::parse(arguments).map_err(|error| error.to_string())?;
        let paths = v1().with_sub(&sub).map_err(|error| error.to_string())?;
        Ok(paths.places.iter().map(Place::absolute).collect())
    }

    #[test]
    fn sub_cgroups_are_put_below_the_container_s() {
        let table: &[(&[&str], [&str; 3])] = &[
            (&[], ["/m/c", "/c/c", "/u/c"]),
            (&["sub"], ["/m/c/sub", "/c/c/sub", "/u/c/sub"]),
            (&["/"], ["/m/c", "/c/c", "/u/c"]),
            (&["/a/../b/"], ["/m/c/b", "/c/c/b", "/u/c/b"]),
            (&["memory:a", "cpu,cpuacct:b"], ["/m/c/a", "/c/c/b", "/u/c"]),
        ];
        for (arguments, want) in table {
            assert_eq!(resolved(arguments).unwrap(), *want, "{arguments:?}");
        }
    }

    #[test]
    fn what_leaves_or_makes_no_sense_is_refused_in_runc_s_words() {
        let table: &[(&[&str], &str)] = &[
            (&["../x"], "bad sub cgroup path: ../x"),
            (&["a/../../c2"], "bad sub cgroup path: a/../../c2"),
            (&["memory:.."], "bad sub cgroup path: .."),
            (&["pids:a"], "unknown controller pids in SubCgroupPaths"),
            (&["a", "b"], "invalid --cgroup argument: a (missing <controller>: prefix)"),
            (&[":a"], "invalid --cgroup argument: :a (empty <controller> prefix)"),
            (&["memory,:a"], "invalid --cgroup argument: memory,:a (empty <controller> prefix)"),
            (&["cpu:a", "cpu:b"], "invalid --cgroup argument(s): multiple paths for controller cpu"),
        ];
        for (arguments, want) in table {
            assert_eq!(resolved(arguments).unwrap_err(), *want);
        }
    }
}
