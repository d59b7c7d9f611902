//! `cargo xtask`: the one entry point for developers and for CI.
//! Runs on the developer's machine; nothing of it is shipped.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks on the terminal")]

mod command;
mod criu;
mod debian;
mod sources;
mod usage;

mod check;
mod deps;
mod order;
mod rules;

mod oracle;
mod tally;
mod test;

mod vm;

mod engines;

mod docs;

mod faults;

mod old;

mod soak;

mod fuzz;

mod bench;

mod layout;

mod dist;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use usage::Asked;

const HELP: &str = "\
cargo xtask check            formatting, clippy and the house rules, one line for each
cargo xtask test [WORD…]     every test this user can run: pure, then user namespaces, then root
                             WORD: keep only tests whose name, or whose file's, contains it, and do without the machine
cargo xtask vm [OPTION…] [WORD…]        brig's tests in a machine of their own: Debian 13 in qemu, with
cargo xtask vm [OPTION…] -- COMMAND…    cgroup v2 and systemd; or a command in it, at the workspace
  --all                      every test, not only those that `cargo xtask test` runs there
  --with SET,…               more packages: criu, engines, peers, tools
  --in FOLDER                also goes in, where it lies here
  --out FOLDER               gets what the command leaves in /brig/out
  --timeout SECONDS          the machine is stopped then (2400)
  --accel NAME               tcg: qemu's emulation, which has everything (this is it); kvm: qemu's accelerator;
                             uml: user-mode Linux, several times faster than emulation, with a kernel that has less
cargo xtask engines [docker|containerd|podman] [WORD…]  brig as the runtime of real engines, beside runc (needs root)
  --in-vm                    in the machine, with Debian 13's engines
  --accel NAME               the machine's: tcg, kvm, uml
  --marked                   a list short enough for it
  environment: BRIG=path of a built brig; RUNC=path of the runc to compare with
cargo xtask docs [--all] [PAGE…]  does what README.md and docs/*.md say, each page in a place of its own (needs root)
  --all                      also what takes minutes
  --show                     prints what the commands print
  environment: BRIG=path of a built brig
cargo xtask faults [kill|fail|lack] [COMMAND…]  brig killed before, or failing at, every system call, or on a
                             kernel without one feature (needs root)
  --every N                  every Nth case only
  environment: BRIG=path of a built brig
cargo xtask old [FEATURE…] [WORD…]   the root tests on a kernel that lacks the feature (needs root): openat2,
                             mount_setattr, open_tree, fsopen, clone3, pidfd_open, close_range, memfd_create,
                             CLONE_INTO_CGROUP, cgroup.kill
cargo xtask soak [OPTION…]   random commands on many containers, with kills and faults (needs root)
  --seed N                   what is done follows from it alone (1)
  --minutes N                for so long, in all layouts of cgroups together (60)
  --steps N                  instead, so many commands in each
  --containers N             on so many containers (50)
  environment: BRIG=path of a built brig
cargo xtask fuzz [TARGET…]   fuzz targets, one after the other (cargo install cargo-fuzz; g++)
  --minutes N                each for so long (20)
  --keep                     instead, what was found that is new goes into fuzz/corpus, as little as does
cargo xtask bench [OPTION…]  brig beside every runc and crun that is found (needs root)
  --rounds N                 rounds of every operation (40)
  --quick                    10 rounds
  --seccomp CONFIG           one more row: `run` with linux.seccomp of this config.json
  environment: BRIG=path of a built brig; BRIG_BENCH_PEERS=folders with runc, crun (before PATH)
cargo xtask bench engines [--rounds N]  `docker run`, `podman run` and `ctr run` with brig, runc and crun
cargo xtask bench checkpoint [OPTION…]  a dump and a restore, beside every runc that is found
cargo xtask bench seccomp    making and running seccomp programs, beside libseccomp if that is installed
cargo xtask layout           crates/cli/layout.ld: the code that a container's life needs, side by side (needs root)
cargo xtask man [FOLDER]     man pages and shell completions, from the table of commands (target/pages)
cargo xtask dist             the release: static executable, man pages, completions, licence in one archive,
                             the same whoever packs it (target/dist)
cargo xtask order            docs/order.md, from the steps of crates/handshake
cargo xtask help             this text
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = words.first().map_or("help", String::as_str);
    let rest = words.get(1..).unwrap_or_default();
    let outcome = match usage::asked(HELP, command, rest) {
        Ok(Asked::Help(text)) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Ok(Asked::Work) => work(&workspace(), command, rest),
        Err(reason) => Err(reason),
    };
    match outcome {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("xtask {command}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn work(root: &Path, command: &str, rest: &[String]) -> Result<ExitCode, String> {
    match command {
        "check" => check::run(root).map(|()| ExitCode::SUCCESS),
        "test" => test::run(root, rest).map(|()| ExitCode::SUCCESS),
        "vm" => vm::run(root, rest),
        "engines" => engines::run(root, rest),
        "docs" => docs::run(root, rest),
        "faults" => faults::run(root, rest),
        "old" => old::run(root, rest),
        "soak" => soak::run(root, rest),
        "fuzz" => fuzz::run(root, rest),
        "bench" => bench::run(root, rest).map(|()| ExitCode::SUCCESS),
        "layout" => layout::run(root, rest).map(|()| ExitCode::SUCCESS),
        "man" => dist::man(root, rest).map(|()| ExitCode::SUCCESS),
        "dist" => dist::run(root).map(|()| ExitCode::SUCCESS),
        "order" => order::write(root).map(|()| ExitCode::SUCCESS),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(format!("unknown command {other:?}; cargo xtask help lists them")),
    }
}

/// The workspace this program was built from.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
