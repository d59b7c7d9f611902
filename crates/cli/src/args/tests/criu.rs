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
    assert_eq!(args.page_server, Some(("::1".to_owned(), 77)));
    assert_eq!(args.status_fd, Some(4));
    assert_eq!(command!(Checkpoint, "checkpoint c1").status_fd, None);
    let args = command!(Restore, "restore -d --lazy-pages --lsm-profile apparmor:x -b /b c1");
    assert!(args.detach);
    assert_eq!(args.criu.switches, [CriuSwitch::LazyPages]);
    assert_eq!(args.lsm_profile.as_deref(), Some("apparmor:x"));
    for (line, message) in [
        ("checkpoint --manage-cgroups-mode x c1", "invalid manage-cgroups-mode: x"),
        ("checkpoint --empty-ns pid c1", "namespace \"pid\" is not supported"),
        ("checkpoint --page-server a c1", "Use --page-server ADDRESS:PORT to specify page server"),
        ("checkpoint --page-server :1 c1", "Use --page-server ADDRESS:PORT to specify page server"),
        ("checkpoint --page-server ::1:1 c1", "Use --page-server ADDRESS:PORT to specify page server"),
        ("checkpoint --page-server [::1:1 c1", "Use --page-server ADDRESS:PORT to specify page server"),
        ("checkpoint --page-server a:70000 c1", "Invalid port number"),
    ] {
        let refused = refusal(line);
        assert_eq!((refused.message.as_str(), refused.exit), (message, Exit::Failure), "{line}");
    }
}
