//! Node face.
