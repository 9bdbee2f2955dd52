//! Claims over the whole room.
