//! A kubeconfig that an object in a cluster holds: it names no file, starts no program and goes
//! nowhere but to an API server over TLS.

use std::path::{Path, PathBuf};

use super::format::{self, context_name};
use super::{
    Access, Chosen, ConnectError, Secret, Token, Trust, access, choose, malformed,
    refuse_unsupported,
};

/// Takes a kubeconfig's text and what to call it and gives what it says about its current context.
pub(crate) fn given(text: &[u8], place: &str) -> Result<Access, ConnectError> {
    let place = PathBuf::from(place);
    let files = vec![(place.clone(), format::parse_text(&place, text)?)];
    let context = context_name(None, &files)?;
    let chosen = choose(&files, &context)?;
    refuse_unsupported(&chosen)?;
    refuse_files(&chosen)?;
    let mut access = access(chosen, false)?;
    access.others.clear();
    encrypted(&place, access)
}

/// Takes a server, the certificates to believe it by and a token and gives how to reach it.
pub(crate) fn bearer(
    server: &str,
    authority: Option<&str>,
    token: &str,
    place: &str,
) -> Result<Access, ConnectError> {
    let file = PathBuf::from(place);
    let refused = |message: &str| malformed(&file, format!("address {server:?} {message}"));
    let server = server.parse().map_err(|_| refused("is not a URL"))?;
    let access = Access {
        server,
        others: Vec::new(),
        server_name: None,
        trust: authority.map_or(Trust::System, |pem| {
            Trust::Authority(pem.as_bytes().to_vec())
        }),
        identity: None,
        token: Token::Fixed(Secret::new(token.to_owned())),
        file: file.clone(),
    };
    encrypted(&file, access)
}

/// On a node, plain http would reach whatever listens there on loopback.
fn encrypted(place: &Path, access: Access) -> Result<Access, ConnectError> {
    if access.server.scheme_str() == Some("https") && access.server.host().is_some() {
        return Ok(access);
    }
    let message = format!(
        "the server {} is not reached over TLS; it must begin with https://",
        access.server
    );
    Err(malformed(place, message))
}

fn refuse_files(chosen: &Chosen) -> Result<(), ConnectError> {
    let (cluster, user) = (&chosen.cluster, &chosen.user);
    let named = [
        (
            "cluster",
            &cluster.name,
            "certificate-authority",
            &cluster.entry.certificate_authority,
        ),
        (
            "user",
            &user.name,
            "client-certificate",
            &user.entry.client_certificate,
        ),
        ("user", &user.name, "client-key", &user.entry.client_key),
        ("user", &user.name, "tokenFile", &user.entry.token_file),
    ];
    for (what, name, field, path) in named {
        if let Some(path) = path.as_deref().filter(|path| !path.is_empty()) {
            return Err(ConnectError::Refused {
                path: cluster.file.clone(),
                what,
                name: name.clone(),
                feature: format!("{field} ({path})"),
                cure: "an object in the cluster reads no file of the node; put the data itself into \
                       the kubeconfig",
            });
        }
    }
    Ok(())
}
