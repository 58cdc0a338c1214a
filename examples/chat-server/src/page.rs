//! The HTTP side: the page for people at `/`, the WebSocket for everybody at `/ws`. It must not know the messages.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse};
use axum::routing::get;

use crate::peer;
use crate::room::Room;

const PAGE: &str = include_str!("page.html");
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'";

pub(crate) fn router(room: Arc<Room>) -> Router {
    Router::new().route("/", get(page)).route("/ws", get(upgrade)).with_state(room)
}

async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")], Html(PAGE))
}

async fn upgrade(
    State(room): State<Arc<Room>>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> impl IntoResponse {
    // A client that has its response is in the room: it misses no message from then on.
    let place = room.enter();
    if let Some(name) = query.get("name") {
        place.login(name);
    }
    upgrade.max_message_size(64 << 10).on_upgrade(move |socket| peer::run(socket, place, room.silence))
}
