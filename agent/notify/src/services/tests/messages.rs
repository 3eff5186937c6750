//! Services that people read messages at.

use serde_json::json;

use super::*;
use crate::request::{Expected, Method};

/// api.slack.com/methods/chat.postMessage, and its "Reference: Secondary message attachments".
#[test]
fn slack_gets_attachments_and_says_ok() {
    let spec = json!({ "type": "slack", "address": "https://slack.com/api/chat.postMessage", "channel": "general" });
    let sent = request(spec, &[("token", "xoxb-1\n")], &told(ERROR));
    assert_eq!(sent.expected, Expected::Ok);
    assert_eq!(header(&sent, "Authorization"), "Bearer xoxb-1");
    assert_eq!(
        body(&sent),
        json!({
            "channel": "general", "username": "kustomize-controller",
            "attachments": [{
                "color": "danger", "author_name": "kustomization/apps.flux-system", "text": "health check failed",
                "fallback": "kustomization/apps.flux-system: health check failed", "mrkdwn_in": ["text"],
                "fields": [
                    { "title": "revision", "value": "main@sha1:5394cb7f", "short": false },
                    { "title": "summary", "value": "production", "short": false },
                ],
            }],
        })
    );
    // A webhook decides the channel itself, and answers in its own way.
    let hook = json!({ "type": "slack", "address": "https://hooks.slack.com/services/T/B/X", "username": "flux" });
    let sent = request(hook, &[], &told(INFO));
    assert_eq!(sent.expected, Expected::Success);
    assert_eq!(header(&sent, "Authorization"), "");
    let body = body(&sent);
    assert!(body.get("channel").is_none());
    assert_eq!(
        (&body["username"], &body["attachments"][0]["color"]),
        (&json!("flux"), &json!("good"))
    );
}

/// discord.com/developers/docs/resources/webhook, "Execute Slack-Compatible Webhook"; .../resources/message, "Embed Limits".
#[test]
fn discord_is_spoken_to_as_slack_within_its_limits() {
    for (address, url) in [
        (
            "https://discord.com/api/webhooks/1/x",
            "https://discord.com/api/webhooks/1/x/slack",
        ),
        (
            "https://discord.com/api/webhooks/1/x/slack",
            "https://discord.com/api/webhooks/1/x/slack",
        ),
        (
            "https://discord.com/api/webhooks/1/x/?thread_id=7",
            "https://discord.com/api/webhooks/1/x/slack?thread_id=7",
        ),
    ] {
        let sent = request(
            json!({ "type": "discord", "address": address }),
            &[],
            &told(INFO),
        );
        assert_eq!(sent.url.expose(), url);
    }
    let mut long = told(INFO);
    long.message = "m".repeat(39_000);
    long.metadata = (0..40)
        .map(|number| (format!("key{number}"), "v".repeat(2000)))
        .collect();
    let sent = request(
        json!({ "type": "discord", "address": "https://discord.com/x" }),
        &[],
        &long,
    );
    let attachment = &body(&sent)["attachments"][0];
    assert_eq!(attachment["text"].as_str().unwrap().chars().count(), 4096);
    let fields = attachment["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 25);
    assert_eq!(fields[0]["value"].as_str().unwrap().chars().count(), 1024);
}

/// docs.rocket.chat, "Incoming webhook": channel, username and attachments.
#[test]
fn rocket_gets_attachments_with_colours() {
    let spec = json!({ "type": "rocket", "address": "https://rocket/hooks/1/2", "channel": "general", "username": "flux" });
    let sent = body(&request(spec, &[], &told(ERROR)));
    assert_eq!(
        (&sent["channel"], &sent["username"]),
        (&json!("general"), &json!("flux"))
    );
    assert_eq!(sent["attachments"][0]["color"], "#FF0000");
}

/// learn.microsoft.com, "Create incoming webhooks with Workflows" and "Actionable message card reference".
#[test]
fn teams_gets_the_card_that_its_address_takes() {
    let spec = |host: &str| json!({ "type": "msteams", "address": format!("https://{host}/hook") });
    let card = body(&request(
        spec("prod-1.logic.azure.com:443"),
        &[],
        &told(ERROR),
    ));
    assert_eq!(card["type"], "message");
    let attachment = &card["attachments"][0];
    assert_eq!(
        attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let content = &attachment["content"];
    assert_eq!(
        (&content["type"], &content["version"]),
        (&json!("AdaptiveCard"), &json!("1.4"))
    );
    let items = content["body"][0]["items"].as_array().unwrap();
    assert_eq!(
        items[1],
        json!({ "type": "TextBlock", "text": "health check failed", "wrap": true, "color": "attention" })
    );
    assert_eq!(
        items[2]["facts"][0],
        json!({ "title": "summary", "value": "production" })
    );

    let card = body(&request(spec("acme.webhook.office.com"), &[], &told(ERROR)));
    assert_eq!(
        (&card["@type"], &card["themeColor"]),
        (&json!("MessageCard"), &json!("FF0000"))
    );
    assert_eq!(card["sections"][0]["activityTitle"], "health check failed");
}

/// core.telegram.org/bots/api, "sendMessage" and "MarkdownV2 style".
#[test]
fn telegram_gets_escaped_markdown_and_its_topic() {
    let spec = json!({ "type": "telegram", "channel": "-100:7", "address": "https://ignored" });
    let sent = request(spec, &[("token", "1:abc")], &told(ERROR));
    assert_eq!(
        sent.url.expose(),
        "https://api.telegram.org/bot1:abc/sendMessage"
    );
    assert_eq!(sent.expected, Expected::Ok);
    let text = "*🚨 kustomization/apps/flux\\-system*\nhealth check failed\n\
                \\- *revision*: main@sha1:5394cb7f\n\\- *summary*: production\n";
    let expected = json!({
        "chat_id": "-100", "message_thread_id": "7", "parse_mode": "MarkdownV2", "text": text,
    });
    assert_eq!(body(&sent), expected);
    let mut long = told(INFO);
    long.message = "m".repeat(39_000);
    let sent = body(&request(
        json!({ "type": "telegram", "channel": "x" }),
        &[("token", "1")],
        &long,
    ));
    assert!(sent["text"].as_str().unwrap().chars().count() <= 4096);
}

/// spec.matrix.org, client-server API, `PUT /rooms/{roomId}/send/{eventType}/{txnId}`.
#[test]
fn matrix_gets_a_text_once_however_often_it_is_told() {
    let spec = json!({ "type": "matrix", "address": "https://matrix.example/", "channel": "!room:example" });
    let sent = request(spec.clone(), &[("token", "syt")], &told(INFO));
    assert_eq!(sent.method, Method::Put);
    let url = sent.url.expose();
    let begin =
        "https://matrix.example/_matrix/client/v3/rooms/%21room%3Aexample/send/m.room.message/";
    assert!(url.starts_with(begin), "{url}");
    assert_eq!(header(&sent, "Authorization"), "Bearer syt");
    let text = "💫 kustomization/apps.flux-system\nhealth check failed\n- revision: main@sha1:5394cb7f\n- summary: production\n";
    assert_eq!(body(&sent), json!({ "msgtype": "m.text", "body": text }));
    let mut late = told(INFO);
    late.metadata
        .insert("delayed".to_owned(), "5m0s".to_owned());
    assert_eq!(
        request(spec.clone(), &[("token", "syt")], &late).url,
        sent.url
    );
    late.message.push('!');
    assert_ne!(request(spec, &[("token", "syt")], &late).url, sent.url);
}

/// developer.webex.com/docs/api/v1/messages/create-a-message.
#[test]
fn webex_gets_markdown_for_a_room() {
    let spec = json!({ "type": "webex", "address": "https://webexapis.com/v1/messages", "channel": "Y2lz" });
    let sent = request(spec, &[("token", "bot")], &told(ERROR));
    assert_eq!(header(&sent, "Authorization"), "Bearer bot");
    let text = "💣 **kustomization/apps.flux-system**\nhealth check failed\n\
                >**revision**: main@sha1:5394cb7f\n>**summary**: production\n";
    assert_eq!(body(&sent), json!({ "roomId": "Y2lz", "markdown": text }));
}

/// zulip.com/api/send-message: a form, and basic authentication.
#[test]
fn zulip_gets_a_form_for_a_topic() {
    let spec =
        json!({ "type": "zulip", "address": "https://z.example/ignored", "channel": "ops/flux" });
    let login = [("username", "bot@z.example"), ("password", "key")];
    let sent = request(spec, &login, &told(ERROR));
    assert_eq!(sent.url.expose(), "https://z.example/api/v1/messages");
    assert_eq!(
        header(&sent, "Content-Type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        header(&sent, "Authorization"),
        "Basic Ym90QHouZXhhbXBsZTprZXk="
    );
    let form = String::from_utf8(sent.body).unwrap();
    let begin = "type=stream&to=ops&topic=flux&content=%23%23%20Flux%20Status%0A%0A";
    assert!(form.starts_with(begin), "{form}");
    let spec = provider(json!({ "type": "zulip", "address": "https://z", "channel": "ops" }));
    let fields = fields(&login);
    let recipient = Recipient::new(&spec, &fields).unwrap();
    let error = compose(&recipient, &told(INFO)).unwrap_err().to_string();
    assert!(error.contains("channel/topic"), "{error}");
}

/// open.larksuite.com, "Use bots in groups": an interactive card; developers.google.com/chat, "Cards v1".
#[test]
fn lark_and_google_chat_get_cards() {
    let sent = body(&request(
        json!({ "type": "lark", "address": "https://lark/x" }),
        &[],
        &told(ERROR),
    ));
    assert_eq!(sent["msg_type"], "interactive");
    let title = json!({ "tag": "plain_text", "content": "🚨 kustomization/apps.flux-system" });
    assert_eq!(
        sent["card"]["header"],
        json!({ "template": "red", "title": title })
    );
    let text = &sent["card"]["elements"][0]["text"];
    assert_eq!(text["tag"], "lark_md");
    assert_eq!(
        text["content"],
        "**health check failed**\n\nrevision: main@sha1:5394cb7f\nsummary: production\n"
    );

    let sent = body(&request(
        json!({ "type": "googlechat", "address": "https://chat/x?key=1" }),
        &[],
        &told(ERROR),
    ));
    let card = &sent["cards"][0];
    assert_eq!(card["header"]["title"], "kustomization/apps.flux-system");
    let widgets = &card["sections"][0]["widgets"];
    assert_eq!(
        widgets[0]["textParagraph"]["text"],
        "<font color=\"#ff0000\">health check failed</font>"
    );
    let row = json!({ "keyValue": { "topLabel": "revision", "content": "main@sha1:5394cb7f" } });
    assert_eq!(card["sections"][1]["widgets"][0], row);
}
