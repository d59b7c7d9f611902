# Prints everything that a process can see around itself, one thing to a line.
$| = 1;
sub slurp { open(my $file, "<", $_[0]) or return ""; local $/; <$file> // "" }
sub said { my ($kind, @words) = @_; print "$kind @words\n" }
opendir(my $dir, "/proc/self/fd"); my $own = fileno($dir);
for my $fd (sort { $a <=> $b } grep { /^\d+$/ } readdir $dir) {
    my $to = readlink("/proc/self/fd/$fd") // next;
    said("fd", $fd, $to =~ m{^/proc/\d+/fd$} ? "this" : $to);
}
said("environ", $_) for split /\0/, slurp("/proc/self/environ");
said("env", "$_=$ENV{$_}") for sort keys %ENV;
said($_, readlink("/proc/self/$_") // "unreadable") for qw(exe cwd root);
said("cmdline", (split /\0/, slurp("/proc/self/cmdline"))[0]);
my %maps; for (split /\n/, slurp("/proc/self/maps")) { my @f = split " ", $_, 6; $maps{$f[5]}++ if defined $f[5] }
said("map", $_) for grep { $_ ne "" } sort keys %maps;
for (split /\n/, slurp("/proc/self/mountinfo")) {
    my ($left, $right) = split / - /, $_, 2; my @l = split / /, $left; my @r = split / /, $right;
    said("mount", "$l[4] from $l[3] type $r[0] source $r[1]", join(" ", @l[6 .. $#l]));
}
said("cgroup", $_) for split /\n/, slurp("/proc/self/cgroup");
for (split /\n/, slurp("/proc/self/status")) {
    next if /^(Vm|Rss|Hugetlb|Pid|Tgid|Ngid|PPid|NStgid|NSpid|NSpgid|NSsid|Name|State|voluntary|nonvoluntary|SigQ|untag|x86|Core|THP|Speculation|Kthread)/;
    s/\s+/ /g; s/ $//; said("status", $_);
}
said("status", "sees its namespace alone") if (slurp("/proc/self/status") =~ /NSpid:\t\d+\n/);
for (split /\n/, slurp("/proc/self/limits")) { next if /^Limit/; s/ +/ /g; s/ $//; said("limit", $_) }
said("keys", $_) for split /\n/, slurp("/proc/keys");
said("process", (split /\0/, slurp("/proc/$_/cmdline"))[0] // "") for grep { -d "/proc/$_" } sort { $a <=> $b } map { m{/proc/(\d+)} } glob("/proc/[0-9]*");
said("ns", readlink("/proc/self/ns/$_") // "none") for map { m{ns/(.*)} } glob("/proc/self/ns/*");
said("unix", $_) for slurp("/proc/net/unix") =~ / (\S*[\/@]\S*)$/mg;
for (split /\n/, slurp("/proc/net/netlink")) { my @f = split; said("netlink", "of $f[2]") if @f > 3 and $f[2] =~ /^[1-9]/ }
said("interface", $_) for slurp("/proc/net/dev") =~ /^\s*(\S+):/mg;
my %sched = slurp("/proc/self/sched") =~ /^(policy|prio)\s*:\s*(\d+)/mg; said("sched", $_, $sched{$_}) for sort keys %sched;
for (qw(oom_score_adj timerslack_ns personality loginuid sessionid coredump_filter setgroups uid_map gid_map)) {
    my $text = slurp("/proc/self/$_"); $text =~ s/\s+/ /g; $text =~ s/^ | $//g; said($_, $text eq "" ? "nothing" : $text);
}
my $aux = slurp("/proc/self/auxv"); my %aux = unpack("q*", $aux);
said("auxv", "type $_" . ($_ =~ /^(11|12|13|14|23)$/ ? " is $aux{$_}" : "")) for sort { $a <=> $b } grep { $_ } keys %aux;
if (open(my $memory, "<", "/proc/self/mem")) {
    sysseek($memory, $aux{31}, 0); sysread($memory, my $name, 200); $name =~ s/\0.*//s; said("execfn", $name);
}
my ($prctl, $keyctl, $ioprio, $getitimer, $mempolicy) = SYSCALLS;
my $text = "\0" x 200; syscall($keyctl, 6, -3, $text, 200); $text =~ s/\0.*//s; said("session keyring", $text);
my $word = pack("l", -1); syscall($prctl, 2, $word); said("prctl", "death signal", unpack("l", $word));
$word = pack("l", -1); syscall($prctl, 37, $word); said("prctl", "subreaper", unpack("l", $word));
said("prctl", "dumpable", syscall($prctl, 3, 0)); said("prctl", "keep capabilities", syscall($prctl, 7, 0));
said("prctl", "securebits", syscall($prctl, 27, 0)); said("prctl", "timer slack", syscall($prctl, 30, 0));
said("prctl", "io flusher", syscall($prctl, 58, 0, 0, 0, 0)); said("prctl", "huge pages disabled", syscall($prctl, 42, 0, 0, 0, 0));
my %more = (25 => "time stamp counter", 66 => "memory denial", 68 => "memory merging"); my $number = pack("l", -1);
for (sort keys %more) { my $is = syscall($prctl, $_, $_ == 25 ? $number : 0, 0, 0, 0); said("prctl", $more{$_}, $_ == 25 ? unpack("l", $number) : $is) }
said("prctl", "machine checks", syscall($prctl, 34, 0, 0, 0, 0));
$text = "\0" x 200; syscall($keyctl, 6, -4, $text, 200); $text =~ s/\0.*//s; said("user keyring", $text);
for (0 .. 2) { my $time = "\0" x 32; syscall($getitimer, $_, $time); said("itimer", $_, unpack("q4", $time)) }
my $mode = pack("l", -1); syscall($mempolicy, $mode, 0, 0, 0, 0); said("memory policy", unpack("l", $mode));
said("timer", $_) for split /\n/, slurp("/proc/self/timers");
said("autogroup", slurp("/proc/self/autogroup") =~ /nice (-?\d+)/);
my ($rest) = slurp("/proc/self/stat") =~ /.*\) (.*)/; my ($state, $parent, $group, $session, $terminal) = split " ", $rest;
said("leads", $session == $$ ? "a session" : "no session", $group == $$ ? "a group" : "no group"); said("terminal", $terminal);
for my $kind (qw(msg sem shm)) { my ($head, @rest) = split /\n/, slurp("/proc/sysvipc/$kind"); said("sysvipc", $kind, $_) for @rest }
said("lock", $_) for split /\n/, slurp("/proc/locks");
for (map { glob("/sys/fs/cgroup$_/cgroup.procs") } "", "/*") { said("neighbour", $_) if slurp($_) =~ /^0$/m }
for my $name (map { glob("/dev$_") } "/*", "/pts/*", "/shm/*", "/mqueue/*") {
    my $number = (lstat $name)[6];
    my $what = -l _ ? "link to " . readlink($name) : -d _ ? "folder" : "something else";
    said("dev", $name, -c _ ? sprintf("device %d:%d", $number >> 8 & 0xfff, $number & 0xff) : $what);
}
said("domainname", (split /\n/, slurp("/proc/sys/kernel/domainname"))[0]);
said("nice", getpriority(0, 0)); said("ioprio", syscall($ioprio, 1, 0));
said("umask", sprintf("%04o", umask)); said("session", getppid() == 0 ? "first" : "other");
said("group", $_) for split " ", $);
said("hostname", (split /\n/, slurp("/proc/sys/kernel/hostname"))[0]);
print "done\n";
