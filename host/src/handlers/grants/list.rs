//! The list of the grants.

/// The list: a line a grant, its folder and the type of what a handler is given. They are
/// opened in this order; what cannot be undone, as migrations of databases, is last.
macro_rules! for_each_grant {
    ($use:ident) => {
        $use! {
            environment: Environment,
            outbound: Origins,
            config: Values,
            logging: Log,
            call: After,
            routing: Routing,
            blob: Blobs,
            key_value: Buckets,
            sql: Granted,
        }
    };
}
pub(super) use for_each_grant;
