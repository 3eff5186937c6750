//! `delete`: one object of Flux's API out of the cluster.

use windlass_cluster::{Authority, Preconditions, Propagation};

use crate::arguments::DeleteArguments;
use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::Session;

pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &DeleteArguments,
) -> Result<(), CommandError> {
    let (kind, names) = arguments.what.objects();
    let [name] = names else {
        return Err(match names {
            [] => CommandError::NameRequired(kind.words()),
            _ => CommandError::Usage("one object at a time is deleted; name one".to_owned()),
        });
    };
    let object = session.get(kind, name).await?;
    if !arguments.silent {
        let question = format!("Are you sure you want to delete this {}?", kind.words());
        match screen.confirm(&question)? {
            Some(true) => {}
            Some(false) => return Err(CommandError::Usage("aborting".to_owned())),
            None => {
                let text = "nobody can be asked here; give --silent to delete it all the same";
                return Err(CommandError::Usage(text.to_owned()));
            }
        }
    }
    let namespace = &session.namespace;
    screen.action(&format!(
        "deleting {} {name} in {namespace} namespace",
        kind.words()
    ))?;
    let resource = session.resource(kind).await?;
    let same = Preconditions {
        uid: object.uid().map(str::to_owned),
        resource_version: None,
    };
    let cluster = &session.cluster;
    cluster
        .delete(
            Authority::Person,
            &resource,
            namespace,
            name,
            &same,
            Propagation::Background,
        )
        .await?;
    Ok(screen.success(&format!("{} deleted", kind.words()))?)
}
