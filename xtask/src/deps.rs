//! Which crate may depend on which: the edges that keep the rules of the house build errors.

use std::path::Path;

use serde_json::Value;

use crate::command::{cargo, output};
use crate::sources::{Finding, Tree};

/// A crate's normal dependencies.
struct Row {
    krate: &'static str,
    /// It has exactly these…
    needs: &'static [&'static str],
    /// …and may have these.
    may: &'static [&'static str],
}

/// Every crate of the workspace, in the order of a container's life. A new edge is a page in docs/decisions.
const TABLE: [Row; 12] = [
    Row { krate: "brig-seccomp", needs: &[], may: &[] },
    Row {
        krate: "brig-plan",
        needs: &["brig-dbus", "brig-handshake", "brig-seccomp", "serde", "serde_json"],
        may: &[],
    },
    Row { krate: "brig-sys", needs: &["rustix"], may: &[] },
    Row { krate: "brig-handshake", needs: &[], may: &[] },
    Row { krate: "brig-init", needs: &["brig-handshake", "brig-sys", "rustix"], may: &[] },
    Row { krate: "brig-dbus", needs: &[], may: &[] },
    Row { krate: "brig-netlink", needs: &["netlink-packet-core", "rustix"], may: &[] },
    Row { krate: "brig-cgroup", needs: &["brig-dbus", "rustix"], may: &["brig-sys"] },
    Row {
        krate: "brig-runtime",
        needs: &[
            "brig-cgroup",
            "brig-dbus",
            "brig-handshake",
            "brig-netlink",
            "brig-plan",
            "brig-seccomp",
            "brig-sys",
            "log",
            "rustix",
        ],
        may: &["tokio"],
    },
    Row {
        krate: "brig",
        needs: &["brig-plan", "brig-runtime", "brig-seccomp", "log", "rustix", "serde", "serde_json"],
        may: &["lexopt"],
    },
    Row {
        krate: "brig-hostile",
        needs: &[
            "brig",
            "brig-cgroup",
            "brig-dbus",
            "brig-handshake",
            "brig-init",
            "brig-netlink",
            "brig-plan",
            "brig-runtime",
            "brig-seccomp",
            "serde_json",
        ],
        may: &[],
    },
    Row {
        krate: "xtask",
        needs: &["brig-handshake", "brig-seccomp", "brig-sys", "nix", "rustix", "serde_json"],
        may: &[],
    },
];

/// How C gets into a Rust build, besides crates named *-sys.
const C_TOOLS: [&str; 4] = ["bindgen", "cc", "cmake", "pkg-config"];
/// Crates named *-sys that link nothing: constants of the kernel, and what is never built for Linux.
const HARMLESS: [&str; 2] = ["linux-raw-sys", "windows-sys"];

/// Edges between crates that the table does not have, and rows that no longer hold.
///
/// # Errors
/// `cargo metadata` fails.
pub(crate) fn edges_are_in_the_table(root: &Path) -> Result<Vec<Finding>, String> {
    let text = output(cargo(root).args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    Ok(compare(&metadata))
}

/// Crates in Cargo.lock that compile or link C.
pub(crate) fn nothing_links_c(tree: &Tree) -> Vec<Finding> {
    let lock = tree.text.iter().find(|(path, _)| path == "Cargo.lock").map_or("", |(_, text)| text);
    let names =
        lock.split("[[package]]").filter(|package| package.contains("\nsource = ")).filter_map(locked_name);
    let linking =
        names.filter(|name| C_TOOLS.contains(name) || name.ends_with("-sys") && !HARMLESS.contains(name));
    linking
        .map(|name| Finding { place: "Cargo.lock".into(), what: format!("{name} compiles or links C") })
        .collect()
}

fn locked_name(package: &str) -> Option<&str> {
    package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

fn compare(metadata: &Value) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    packages
        .iter()
        .flat_map(|package| compare_one(&word(package, "name"), &normal_dependencies(package)))
        .collect()
}

fn compare_one(krate: &str, has: &[String]) -> Vec<Finding> {
    let finding = |what: String| Finding { place: krate.to_owned(), what };
    let Some(row) = TABLE.iter().find(|row| row.krate == krate) else {
        return vec![finding("is not in the table of xtask/src/deps.rs".into())];
    };
    let allowed = |name: &&String| row.needs.contains(&name.as_str()) || row.may.contains(&name.as_str());
    let extra =
        has.iter().filter(|name| !allowed(name)).map(|name| finding(format!("may not depend on {name}")));
    let gone = row.needs.iter().filter(|name| !has.iter().any(|has| has == *name));
    let gone = gone.map(|name| finding(format!("no longer depends on {name}: take it out of the table")));
    extra.chain(gone).collect()
}

/// Normal and build dependencies; what only tests use is free.
fn normal_dependencies(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| word(dependency, "name"))
        .collect()
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings(krate: &str, dependencies: Value) -> Vec<String> {
        let metadata = json!({"packages": [{"name": krate, "dependencies": dependencies}]});
        compare(&metadata).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn an_edge_outside_the_table_is_found() {
        let dependency = json!([{"name": "libc", "kind": null}]);
        assert_eq!(findings("brig-seccomp", dependency), ["may not depend on libc"]);
    }

    #[test]
    fn a_build_dependency_is_an_edge_and_a_test_dependency_is_not() {
        assert_eq!(findings("brig-seccomp", json!([{"name": "cc", "kind": "build"}])).len(), 1);
        assert_eq!(findings("brig-seccomp", json!([{"name": "proptest", "kind": "dev"}])).len(), 0);
    }

    #[test]
    fn a_row_that_no_longer_holds_is_found() {
        assert_eq!(
            findings("brig-sys", json!([])),
            ["no longer depends on rustix: take it out of the table"]
        );
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(findings("brig-new", json!([])), ["is not in the table of xtask/src/deps.rs"]);
    }
    #[test]
    fn a_crate_that_links_c_is_found_and_our_own_sys_is_not() {
        let package =
            |name: &str, source: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\n{source}\n");
        let registry = "source = \"registry+x\"\n";
        let lock = [
            package("brig-sys", ""),
            package("cc", registry),
            package("z-sys", registry),
            package("linux-raw-sys", registry),
        ];
        let tree = Tree { rust: Vec::new(), text: vec![("Cargo.lock".into(), lock.concat())] };
        let found: Vec<String> = nothing_links_c(&tree).into_iter().map(|finding| finding.what).collect();
        assert_eq!(found, ["cc compiles or links C", "z-sys compiles or links C"]);
    }
}
