//! Which system calls are there: seccomp (seccomp(2)).
//!
//! A call that is not listed does not exist (`ENOSYS`), as on an older kernel: the C library then takes the older
//! way, which is how `clone3`, whose flags a filter cannot see, becomes `clone`, whose flags it can.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Operator,
    SeccompCondition as Condition, SeccompFilter, SeccompRule, apply_filter,
};

use super::Wall;
use super::names::UnixSockets;

/// Calls that can do no harm with what the process has: the files it can open, sockets, memory, time, threads.
const PLAIN: &[i64] = &[
    // files
    libc::SYS_openat,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_flock,
    libc::SYS_fcntl,
    // On an open file only: by path they would reach what Landlock does not guard.
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_renameat2,
    libc::SYS_umask,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    // sockets; which ones can be opened is below, and none can be listened on
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    // memory
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // threads, signals, time, identity
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The older names of some of these, which only this architecture has.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_dup2,
    libc::SYS_accept,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_arch_prctl,
    libc::SYS_time,
];
/// Elsewhere the C library's rename(3) still takes the call between the oldest and the newest one.
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[libc::SYS_accept, libc::SYS_renameat];

/// musl binds the socket that it asks name servers with. Only what sends and receives anyway comes of it: listen(2) is not
/// here, and Landlock guards the ports.
#[cfg(target_env = "musl")]
const OF_LIBRARY: &[i64] = &[libc::SYS_bind];
#[cfg(not(target_env = "musl"))]
const OF_LIBRARY: &[i64] = &[];

/// ioctl(2) on files and sockets: whether they wait, whether they stay open, what is there to read. C libraries do not agree
/// on their type.
const REQUESTS: [u64; 3] = [0x5421, 0x5451, 0x541b];

/// Puts the wall up around the calling thread.
pub(super) fn confine(unix_sockets: UnixSockets) -> Wall {
    let program = match program(unix_sockets) {
        Ok(program) => program,
        Err(reason) => return Wall::Missing(format!("no filter for this machine: {reason}")),
    };
    match apply_filter(&program) {
        Ok(()) => Wall::Complete,
        Err(reason) => Wall::Missing(format!(
            "the kernel takes no filter ({reason}); it needs CONFIG_SECCOMP_FILTER"
        )),
    }
}

fn program(unix_sockets: UnixSockets) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = PLAIN
        .iter()
        .chain(OLDER)
        .chain(OF_LIBRARY)
        .map(|call| (*call, Vec::new()))
        .collect();
    rules.extend(with_arguments(unix_sockets)?);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    filter.try_into()
}

/// Calls whose arguments decide.
fn with_arguments(
    unix_sockets: UnixSockets,
) -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let requests = REQUESTS.into_iter().map(|request| rule([is(1, request)]));
    let own = u64::from(std::process::id());
    Ok(vec![
        (libc::SYS_socket, sockets(unix_sockets)?),
        // Both ends stay here.
        (
            libc::SYS_socketpair,
            vec![rule([is(0, number(libc::AF_UNIX))])?],
        ),
        // A thread, never a process.
        (libc::SYS_clone, vec![rule([has(0, libc::CLONE_THREAD)])?]),
        // No memory is both written and run, and none that was written is made to run.
        (
            libc::SYS_mmap,
            vec![
                rule([lacks(2, libc::PROT_EXEC)])?,
                rule([lacks(2, libc::PROT_WRITE)])?,
            ],
        ),
        (libc::SYS_mprotect, vec![rule([lacks(2, libc::PROT_EXEC)])?]),
        (
            libc::SYS_prctl,
            vec![rule([is(0, number(libc::PR_SET_NAME))])?],
        ),
        (libc::SYS_ioctl, requests.collect::<Result<_, _>>()?),
        // Limits are read, not set; signals go to this process only, as when it aborts.
        (libc::SYS_prlimit64, vec![rule([is_null(2)])?]),
        (libc::SYS_tgkill, vec![rule([is(0, own)])?]),
    ])
}

/// Streams and datagrams over IP; no raw packets, no netlink.
fn sockets(unix_sockets: UnixSockets) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    /// The other bits of the type are flags (socket(2)).
    const TYPE: u64 = 0xf;
    let mut families = vec![libc::AF_INET, libc::AF_INET6];
    if unix_sockets == UnixSockets::Allowed {
        families.push(libc::AF_UNIX);
    }
    let mut rules = Vec::new();
    for family in families {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            let kind = Condition::new(1, Length::Dword, Operator::MaskedEq(TYPE), number(kind));
            rules.push(rule([is(0, number(family)), kind])?);
        }
    }
    Ok(rules)
}

type Checked = Result<Condition, seccompiler::BackendError>;

fn rule(
    conditions: impl IntoIterator<Item = Checked>,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

/// An `int`: the kernel does not look at the upper half of the register.
fn is(argument: u8, value: u64) -> Checked {
    Condition::new(argument, Length::Dword, Operator::Eq, value)
}

fn is_null(argument: u8) -> Checked {
    Condition::new(argument, Length::Qword, Operator::Eq, 0)
}

fn has(argument: u8, flag: i32) -> Checked {
    let flag = u64::from(flag.unsigned_abs());
    Condition::new(argument, Length::Qword, Operator::MaskedEq(flag), flag)
}

fn lacks(argument: u8, flag: i32) -> Checked {
    let flag = u64::from(flag.unsigned_abs());
    Condition::new(argument, Length::Qword, Operator::MaskedEq(flag), 0)
}

fn number(value: i32) -> u64 {
    u64::from(value.unsigned_abs())
}
