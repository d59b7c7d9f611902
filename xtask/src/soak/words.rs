//! What a deed is called on the command line, and whether it can succeed.

use std::path::{Path, PathBuf};

use super::score::{Deed, Status};

/// The words for `deed`, after `--root`.
pub(super) fn words(deed: Deed, id: &str, folder: &Path) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    let bundle = text(folder.join(id));
    let socket = text(console(folder, id));
    let console: &[&str] = if Path::new(&socket).exists() { &["--console-socket", &socket] } else { &[] };
    let words = match deed {
        Deed::Create => [&["create"], console, &["--bundle", &bundle, id]].concat(),
        Deed::RunDetached => [&["run", "--detach"], console, &["--bundle", &bundle, id]].concat(),
        Deed::Run => vec!["run", "--bundle", &bundle, id],
        Deed::Exec => vec!["exec", id, "/bin/true"],
        Deed::ExecDetached => vec!["exec", "--detach", id, "/bin/sleep", "100000"],
        Deed::Update if has_pids() => vec!["update", "--pids-limit", "3000", id],
        Deed::Update => vec!["update", "--cpu-share", "512", id],
        Deed::Events => vec!["events", "--stats", id],
        Deed::Kill => vec!["kill", id, "KILL"],
        Deed::DeleteForced => vec!["delete", "--force", id],
        Deed::List => vec!["list"],
        Deed::Start => vec!["start", id],
        Deed::Pause => vec!["pause", id],
        Deed::Resume => vec!["resume", id],
        Deed::Ps => vec!["ps", id],
        Deed::State | Deed::EndParent => vec!["state", id],
        Deed::Delete => vec!["delete", id],
    };
    words.into_iter().map(str::to_owned).collect()
}

/// The socket for a container's terminal, which is there if it has one.
pub(super) fn console(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("console-{id}"))
}

/// Whether a deed that nobody disturbs succeeds on such a container; none where both is right.
pub(super) fn succeeds(deed: Deed, before: Status) -> Option<bool> {
    use Status::{Created, None as Nothing, Paused, Running, Stopped};
    Some(match (deed, before) {
        (Deed::Create | Deed::RunDetached, before) => before == Nothing,
        (Deed::Start, before) => before == Created,
        (Deed::Exec | Deed::ExecDetached, Running) => true,
        (Deed::Exec | Deed::ExecDetached, Paused | Stopped | Nothing) => false,
        (Deed::Pause, Running) => true,
        (Deed::Pause, Paused | Stopped | Nothing) => false,
        (Deed::Resume, before) => before == Paused,
        (Deed::Update, Running | Created | Paused) if has_pids() => true,
        (Deed::Update, Stopped | Nothing) => false,
        (Deed::Ps | Deed::Events | Deed::Kill, Running) => true,
        (Deed::Ps, Created | Paused) => true,
        (Deed::Kill, Created) => true,
        (Deed::Ps | Deed::Events | Deed::Kill | Deed::State | Deed::Delete, Nothing) => false,
        (Deed::State | Deed::Delete, Stopped) | (Deed::State, _) => true,
        (Deed::Delete, Running | Paused) => false,
        (Deed::List | Deed::DeleteForced, _) => true,
        _ => return None,
    })
}

fn has_pids() -> bool {
    Path::new("/sys/fs/cgroup/pids").exists()
}
