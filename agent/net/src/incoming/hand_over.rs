//! A descriptor, sent over a socket (unix(7), `SCM_RIGHTS`).

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt::socket_acceptconn,
};

/// Receives one socket that listens.
///
/// # Errors
/// Nothing comes, or something else.
pub(super) fn receive(stream: &UnixStream) -> io::Result<TcpListener> {
    let descriptor = receive_descriptor(stream)?;
    if !socket_acceptconn(&descriptor)? {
        let message = "the agent sent a socket that does not listen";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(TcpListener::from(descriptor))
}

/// Receives one descriptor.
///
/// # Errors
/// Nothing comes.
pub(crate) fn receive_descriptor(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0_u8; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let slices = &mut [IoSliceMut::new(&mut byte)];
    recvmsg(stream, slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<OwnedFd>>(),
        _ => Vec::new(),
    });
    descriptors.next().ok_or_else(|| {
        let message = "the agent sent no descriptor";
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}
