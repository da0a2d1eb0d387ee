//! The files that pages load, compiled into the binary.

/// A file served below `/assets/`.
pub struct Asset {
    /// Its name after `/assets/`.
    pub name: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The whole file.
    pub body: &'static str,
}

/// Every file that may be asked for. Nothing else below `assets` is public.
pub const ASSETS: &[Asset] = &[
    Asset {
        name: "strongroom.css",
        content_type: "text/css; charset=utf-8",
        body: include_str!("../../../assets/strongroom.css"),
    },
    Asset {
        name: "logo.svg",
        content_type: "image/svg+xml",
        body: include_str!("../../../assets/logo.svg"),
    },
    Asset {
        name: "form-post.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("../../../assets/form-post.js"),
    },
    Asset {
        name: "web-message.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("../../../assets/web-message.js"),
    },
];

/// The file of that name.
pub fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}
