//! `checkpoint` and `restore`.

use super::*;

#[test]
fn checkpoint_and_restore_share_flags() {
    let args = command!(
        Checkpoint,
        "checkpoint --image-path /i --work-path /w --shell-job --pre-dump --manage-cgroups-mode ignore \
         --empty-ns network --page-server [::1]:77 --status-fd 4 --parent-path ../p c1"
    );
    assert_eq!(args.criu.switches, [CriuSwitch::ShellJob, CriuSwitch::PreDump]);
    assert_eq!(args.criu.manage_cgroups, Some(ManageCgroups::Ignore));
    assert_eq!(args.page_server, Some(("[::1]".to_owned(), 77)));
    assert_eq!(args.status_fd, Some(4));
    assert_eq!(command!(Checkpoint, "checkpoint c1").status_fd, None);
    let args = command!(Restore, "restore -d --lazy-pages --lsm-profile apparmor:x -b /b c1");
    assert!(args.detach);
    assert_eq!(args.criu.switches, [CriuSwitch::LazyPages]);
    assert_eq!(args.lsm_profile.as_deref(), Some("apparmor:x"));
    for line in [
        "checkpoint --manage-cgroups-mode x c1",
        "checkpoint --empty-ns pid c1",
        "checkpoint --page-server nowhere c1",
        "checkpoint --page-server a:70000 c1",
    ] {
        assert_eq!(refusal(line).exit, Exit::Failure, "{line}");
    }
}
