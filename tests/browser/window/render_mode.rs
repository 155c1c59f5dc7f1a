//! The screen and the preferences that pages are rendered for.

use serde_json::json;

use crate::window::Window;

/// The screen and the preferences that a page is rendered for.
#[derive(Debug, Clone, Copy)]
pub struct RenderMode {
    pub name: &'static str,
    pub color_scheme: &'static str,
    pub width: u32,
    /// 2 is a page zoomed to 200 %: half as wide as the window.
    pub scale: u32,
    pub allows_motion: bool,
    pub forced_colors: bool,
    pub media: &'static str,
}

impl RenderMode {
    pub const LIGHT: Self = Self {
        name: "light",
        color_scheme: "light",
        width: 1200,
        scale: 1,
        allows_motion: false,
        forced_colors: false,
        media: "screen",
    };
    pub const DARK: Self = Self { name: "dark", color_scheme: "dark", ..Self::LIGHT };
    pub const PHONE: Self = Self { name: "phone", width: 390, ..Self::LIGHT };
    pub const SMALL: Self = Self { name: "small", color_scheme: "dark", width: 360, ..Self::LIGHT };
    pub const ZOOMED: Self = Self { name: "zoomed", width: 600, scale: 2, ..Self::LIGHT };
    pub const FORCED: Self = Self { name: "forced", color_scheme: "dark", forced_colors: true, ..Self::LIGHT };
    pub const PRINT: Self = Self { name: "print", width: 794, media: "print", ..Self::LIGHT };
}

impl Window {
    /// Renders pages in this mode from now on.
    pub fn set_render_mode(&self, mode: &RenderMode) {
        let features = [
            ("prefers-color-scheme", mode.color_scheme),
            ("prefers-reduced-motion", if mode.allows_motion { "no-preference" } else { "reduce" }),
            ("forced-colors", if mode.forced_colors { "active" } else { "none" }),
        ];
        let features: Vec<_> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.send_cdp("Emulation.setEmulatedMedia", json!({"media": mode.media, "features": features}));
        let (width, scale) = (mode.width, mode.scale);
        // Zooming reduces the height too.
        let size = json!({
            "width": width, "height": 844 / scale, "deviceScaleFactor": scale, "mobile": scale == 1 && width < 600
        });
        self.send_cdp("Emulation.setDeviceMetricsOverride", size);
    }
}
