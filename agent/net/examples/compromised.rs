//! What a network process can do once somebody else runs it: confines itself with the function that windlass-net
//! uses, tries one thing, and says how it went. The tests run it, here and as a service on a node.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is the attacker, and tells what it got"
)]

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::unistd::{Pid, getppid};
use windlass_net::{Allowed, confine};

type Outcome = Result<(), Box<dyn Error>>;

/// `compromised CACHE ATTEMPT [ARGUMENT]`; succeeds when the attempt does. Without walls when the cache is `-`, which
/// shows that the attempt would work.
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(cache_dir), Some(attempt)) = (arguments.next(), arguments.next()) else {
        println!("compromised CACHE ATTEMPT [ARGUMENT]");
        return ExitCode::from(64);
    };
    let allowed = Allowed {
        cache_dir: PathBuf::from(&cache_dir),
        read: Vec::new(),
    };
    if cache_dir != "-" {
        match confine(&allowed) {
            Ok(walls) => println!("{walls}"),
            Err(error) => {
                println!("{error}");
                return ExitCode::from(65);
            }
        }
    }
    match try_it(&attempt, &arguments.next().unwrap_or_default()) {
        Ok(()) => {
            println!("{attempt}: done");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{attempt}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_it(attempt: &str, argument: &str) -> Outcome {
    let path = Path::new(argument);
    let parent = getppid();
    match attempt {
        "read" => fs::read(path).map(drop)?,
        "list" => fs::read_dir(path).map(drop)?,
        "write" => fs::write(path, "mine")?,
        "append" => fs::OpenOptions::new().append(true).open(path).map(drop)?,
        "remove" => fs::remove_file(path)?,
        "chmod" => nix::sys::stat::fchmodat(
            nix::fcntl::AT_FDCWD,
            path,
            nix::sys::stat::Mode::from_bits_truncate(0o777),
            nix::sys::stat::FchmodatFlags::FollowSymlink,
        )?,
        "link" => fs::hard_link(path, "/tmp/windlass-compromised")?,
        "execute" => Command::new(path).status().map(drop)?,
        "connect" => std::net::TcpStream::connect(argument).map(drop)?,
        "connect-unix" => UnixStream::connect(path).map(drop)?,
        "listen" => TcpListener::bind(argument).map(drop)?,
        "signal-parent" => nix::sys::signal::kill(parent, None)?,
        "trace-parent" => trace(parent)?,
        "memory-of-parent" => fs::File::open(format!("/proc/{parent}/mem")).map(drop)?,
        "raw-socket" => open(AddressFamily::Inet, SockProtocol::Icmp)?,
        "packet-socket" => open(AddressFamily::Packet, SockProtocol::EthAll)?,
        "netlink-socket" => open(AddressFamily::Netlink, SockProtocol::NetlinkRoute)?,
        "mount" => nix::mount::mount(
            Some("none"),
            "/mnt",
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            None::<&str>,
        )?,
        "load-module" => nix::kmod::init_module(b"not a module", c"")?,
        "namespace" => nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?,
        "thread" => std::thread::Builder::new()
            .spawn(|| ())?
            .join()
            .map_err(|_| "panicked")?,
        other => return Err(format!("unknown attempt {other}").into()),
    }
    Ok(())
}

fn open(family: AddressFamily, protocol: SockProtocol) -> Outcome {
    socket(family, SockType::Raw, SockFlag::empty(), protocol).map(drop)?;
    Ok(())
}

fn trace(process: Pid) -> Outcome {
    nix::sys::ptrace::seize(process, nix::sys::ptrace::Options::empty())?;
    Ok(())
}
