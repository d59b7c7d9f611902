//! `checkpoint` and `restore` of memory that goes in several steps, or elsewhere: pre-dumps, page servers, lazy pages.
//! Root, in a private mount namespace; needs CRIU.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped")]

mod common;

use std::{
    fs::{self, File},
    io::{self, Read as _},
    net::TcpListener,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use common::checkpoint::{PART, cannot_run, count, counts_on, lacks, repeat};
use common::{Brig, Bundle, eventually, unique};

/// Pages of the container's program, and the words in one.
const PAGES: u64 = 4096;
const WORDS: usize = 512;
/// Bytes in all of them.
const MEMORY: u64 = PAGES * 4096;

/// What the program of the containers does: it writes to one page each time, and looks at all.
#[test]
fn payload() {
    if std::env::var(PART).as_deref() != Ok("remember") {
        return;
    }
    let mut memory: Vec<[u64; WORDS]> = (0..PAGES).map(|page| [page; WORDS]).collect();
    repeat(|count| {
        for (page, words) in (0..PAGES).zip(&mut memory) {
            let ago = (count + PAGES - page) % PAGES;
            if ago == 0 {
                words[0] = count;
            }
            assert_eq!(words[0], if ago < count { count - ago } else { page });
        }
    });
}

/// How many bytes of memory lie in a folder of images.
fn pages_in(images: &Path) -> u64 {
    files_of_pages(images).map(|file| file.len()).sum()
}

/// How many bytes of the disk they take.
fn disk_of_pages_in(images: &Path) -> u64 {
    files_of_pages(images).map(|file| file.blocks() * 512).sum()
}

fn files_of_pages(images: &Path) -> impl Iterator<Item = fs::Metadata> {
    let files = fs::read_dir(images).unwrap().map(Result::unwrap);
    let pages = files.filter(|file| file.file_name().to_str().unwrap().starts_with("pages-"));
    pages.map(|file| file.metadata().unwrap())
}

#[test]
fn three_pre_dumps_and_a_dump_are_restored_as_one() {
    if cannot_run() || lacks("mem_dirty_track") {
        return;
    }
    let (bundle, brig) = (Bundle::playing("remember"), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    brig.checkpoint(&id, "pre0", &["--pre-dump"]).ok();
    for (images, parent) in [("pre1", "../pre0"), ("pre2", "../pre1")] {
        counts_on(&bundle, count(&bundle));
        brig.checkpoint(&id, images, &["--pre-dump", "--parent-path", parent]).ok();
        assert_eq!(brig.status(&id), "running");
    }
    counts_on(&bundle, count(&bundle));
    let earlier = ["pre0", "pre1", "pre2"].map(|images| brig.scratch(images));
    let on_disk = || earlier.iter().map(|images| disk_of_pages_in(images)).sum::<u64>();
    let held = on_disk();
    brig.checkpoint(&id, "images", &["--parent-path", "../pre2", "--auto-dedup"]).ok();
    assert!(on_disk() < held, "{} bytes on the disk after {held}", on_disk());
    brig.assert_gone(&id);
    let before = count(&bundle);
    let [first, last] = ["pre0", "images"].map(|images| pages_in(&brig.scratch(images)));
    assert!(first > MEMORY && last < first / 2, "{first} bytes at first, {last} at last");
    assert!(brig.scratch("images").join("parent").symlink_metadata().unwrap().is_symlink());
    brig.restore(&id, &bundle, "images", &[]).ok();
    counts_on(&bundle, before);
}

#[test]
fn a_parent_has_to_be_beside_the_images_and_the_container_runs_on() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::playing("remember"), Brig::new());
    let id = brig.start_apart(&bundle);
    let parent = brig.scratch("parent");
    brig.checkpoint(&id, "images", &["--parent-path", parent.to_str().unwrap()])
        .failed(1, "--parent-path must be relative");
    let ended = brig.checkpoint(&id, "images", &["--parent-path", "../parent"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let error = ended.error();
    assert!(
        error.starts_with("invalid --parent-path: stat ") && error.ends_with(": no such file or directory"),
        "{error}"
    );
    fs::write(&parent, "").unwrap();
    let ended = brig.checkpoint(&id, "images", &["--parent-path", "../parent"]);
    assert!(ended.error().ends_with("/parent: not a directory"), "{ended:?}");
    counts_on(&bundle, count(&bundle));
}

/// CRIU as a server of its own. It ends with the test.
struct Server(Child);

impl Server {
    /// With its images in `folder`, as it says itself when it is ready.
    fn start(words: &[&str], folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let (mut ready, theirs) = io::pipe().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec criu \"$@\" 9>&1 >/dev/null", "sh"]).args(words);
        shell.args(["--status-fd", "9", "--images-dir"]).arg(folder).arg("--work-dir").arg(folder);
        shell.stdin(Stdio::null()).stdout(theirs).stderr(Stdio::null());
        let server = Self(shell.spawn().unwrap());
        drop(shell);
        assert_eq!(ready.read(&mut [0]).unwrap(), 1, "criu {words:?}");
        server
    }

    /// Waits until it has served.
    fn ends_well(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
}

/// A port that nobody listens on.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[test]
fn pages_go_to_a_page_server_by_ipv4() {
    if !cannot_run() {
        pages_go_to("127.0.0.1", "127.0.0.1");
    }
}

#[test]
fn pages_go_to_a_page_server_by_ipv6() {
    if !cannot_run() {
        pages_go_to("::1", "[::1]");
    }
}

/// Which server listens, and what brig is told.
fn pages_go_to(address: &str, told: &str) {
    let (bundle, brig, port) = (Bundle::playing("remember"), Brig::new(), free_port());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    let elsewhere = brig.scratch("elsewhere");
    let server = Server::start(&["page-server", "--address", address, "--port", &port], &elsewhere);
    brig.checkpoint(&id, "images", &["--page-server", &format!("{told}:{port}")]).ok();
    server.ends_well();
    let before = count(&bundle);
    assert_eq!(pages_in(&brig.scratch("images")), 0);
    assert!(pages_in(&elsewhere) > MEMORY);
    for file in fs::read_dir(brig.scratch("images")).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), elsewhere.join(file.file_name())).unwrap();
    }
    brig.restore(&id, &bundle, "elsewhere", &[]).ok();
    counts_on(&bundle, before);
}

#[test]
fn a_page_server_has_an_address_and_a_port() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::playing("remember"), Brig::new());
    let id = brig.start_apart(&bundle);
    for wrong in ["127.0.0.1", "127.0.0.1:", ":7"] {
        brig.checkpoint(&id, "images", &["--page-server", wrong])
            .failed(1, "Use --page-server ADDRESS:PORT to specify page server");
    }
    brig.checkpoint(&id, "images", &["--page-server", "127.0.0.1:x"]).failed(1, "Invalid port number");
    counts_on(&bundle, count(&bundle));
}

#[test]
fn a_container_runs_again_before_its_pages_have_come() {
    // CRIU 4.2 breaks off in the middle ("splice: Bad file descriptor") and waits for ever on the one kernel without
    // soft-dirty tracking on which this was tried.
    if cannot_run() || lacks("uffd-noncoop") || lacks("mem_dirty_track") {
        return;
    }
    let (bundle, brig, port) = (Bundle::playing("remember"), Brig::new(), free_port());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    let images = brig.scratch("images");
    let (mut ready, theirs) = io::pipe().unwrap();
    let dump =
        brig.command(&["checkpoint", "--lazy-pages", "--manage-cgroups-mode", "ignore", "--status-fd", "9"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 9>&1 >/dev/null", "sh"]).arg(dump.get_program()).args(dump.get_args());
    shell.args(["--page-server", &format!("127.0.0.1:{port}"), "--image-path"]).arg(&images).arg(&id);
    let log = File::create(brig.scratch("dump")).unwrap();
    let mut dumping = shell.stdin(Stdio::null()).stdout(theirs).stderr(log).spawn().unwrap();
    drop(shell);
    let mut byte = [7];
    let said = || fs::read_to_string(brig.scratch("dump")).unwrap();
    assert_eq!((ready.read(&mut byte).unwrap(), byte), (1, [0]), "{}", said());
    let before = count(&bundle);
    let words = ["lazy-pages", "--page-server", "--address", "127.0.0.1", "--port", &port];
    let server = Server::start(&words, &images);
    let other = unique("other");
    let work = images.to_str().unwrap();
    let options = ["--lazy-pages", "--manage-cgroups-mode", "ignore", "--work-path", work];
    brig.restore(&other, &bundle, "images", &options).ok();
    counts_on(&bundle, before);
    assert!(dumping.wait().unwrap().success(), "{}", said());
    server.ends_well();
    brig.assert_gone(&id);
    counts_on(&bundle, count(&bundle));
    eventually("it is there", || brig.status(&other) == "running");
}
