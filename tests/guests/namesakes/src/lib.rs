//! Handlers whose functions are all called the same, in modules, by a macro that makes
//! them at one place, and in crates: each answers who it is, at which route.

#[patchboard::get("/crates")]
async fn crates() -> String {
    format!("{} {}", namesakes_left::name(), namesakes_right::name())
}

mod public {
    use patchboard::{Route, get};

    #[get("/articles", name = "articles")]
    async fn list(route: Route) -> String {
        format!("list of public {}", route.name())
    }
}

mod admin {
    use patchboard::{Route, delete, get};

    #[get("/admin/users", name = "users")]
    async fn list(route: Route) -> String {
        format!("list of admin {}", route.name())
    }

    #[delete("/admin/users/{id}", name = "remove")]
    async fn remove() -> &'static str {
        "remove of admin"
    }
}

/// Each expansion has the same tokens at the same place, but for the pattern and the name.
macro_rules! handlers {
    ($($module:ident $pattern:literal $name:literal;)*) => {
        $(mod $module {
            #[patchboard::get($pattern, name = $name)]
            async fn list() -> &'static str {
                concat!("list of ", stringify!($module))
            }
        })*
    };
}

handlers! { cats "/cats" "cats"; dogs "/dogs" "dogs"; }

/// A handler within a function, beside another of its name.
pub fn inner() {
    #[patchboard::get("/inner", name = "inner")]
    async fn list() -> &'static str {
        "list of inner"
    }
}
