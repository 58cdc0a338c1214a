//! permessage-deflate, with a peer that is not zlib-rs, and the examples of RFC 7692.

use super::*;
