//! What goes wrong on ordinary days: a session that ended meanwhile, another tab, a small window, the limit.

use crate::chromium::{Look, Window, labelled, link};
use crate::{ALICE, House, PASSWORD, TOKENS};

fn sign_in_here(window: &Window) {
    window.fill("email", ALICE);
    window.fill("password", PASSWORD);
    window.click_button("Sign in");
}

#[test]
fn a_session_that_ends_amid_a_form_loses_no_typing_and_makes_nothing() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url(&format!("{TOKENS}/new")));
    window.fill("name", "Quarterly report");
    window.forget();
    window.click_button("Create token");
    window.reads("Sign in");
    assert_eq!(house.tokens("acme"), Vec::<String>::new());
    sign_in_here(&window);
    window.wait_until("the form", || window.has("//input[@name='name']"));
    assert_eq!(window.run("return document.querySelector('[name=name]').value"), "Quarterly report");
    window.click_button("Create token");
    let value = window.value_of("Token value");
    assert_eq!(house.tokens("acme"), ["Quarterly report"]);

    // On the page that shows a value: what comes after sign-in is the list, and the value is nowhere.
    window.forget();
    window.click_link("I have stored it");
    window.reads("Sign in");
    assert!(!window.url().contains(&value) && !window.source().contains(&value));
    sign_in_here(&window);
    window.is_at(TOKENS);
    assert!(!window.source().contains(&value));
}

#[test]
fn a_sign_out_in_another_tab_ends_this_one_too() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.create_token("acme", "Reporting");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url(TOKENS));
    window.in_new_tab(|| {
        window.goto(&house.url("/w/acme-demo"));
        window.click_button("Sign out");
        window.reads("Sign in");
        window.back();
        assert!(!window.has(&crate::chromium::button("Sign out")), "Back shows what was signed out of");
    });
    window.click_labelled("Delete token Reporting");
    window.reads("Delete token “Reporting”?");
    window.click_button("Delete token");
    window.reads("Sign in");
    assert_eq!(house.tokens("acme"), ["Reporting"], "nobody deletes who is not signed in");
    sign_in_here(&window);
    // It asks once more, and does nothing by itself.
    window.reads("Delete token “Reporting”?");
    window.click_button("Delete token");
    window.reads("Token Reporting deleted.");
    assert_eq!(house.tokens("acme"), Vec::<String>::new());
}

#[test]
fn at_three_tokens_the_page_says_what_to_do_and_a_deleted_one_makes_room() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    for name in ["Reporting", "Partner system", "Survey import"] {
        window.goto(&house.url(TOKENS));
        window.click_link("Create token");
        window.fill("name", name);
        window.click_button("Create token");
        window.reads("copy its value now");
    }
    window.click_link("I have stored it");
    window.reads("3 of 3 tokens in this workspace. You can have a maximum of 3 tokens.");
    assert!(!window.has(&link("Create token")), "a button that can only refuse");
    window.goto(&house.url(&format!("{TOKENS}/new")));
    window.reads("You can have a maximum of 3 tokens");
    window.click_link("Back to your tokens");
    // The other workspace has room of its own.
    window.goto(&house.url("/w/acme-demo/settings/tokens"));
    window.reads("0 of 3 tokens");
    window.goto(&house.url(TOKENS));
    window.click_labelled("Delete token Partner system");
    window.click_button("Delete token");
    window.reads("2 of 3 tokens in this workspace.");
    assert!(window.has(&link("Create token")));
}

#[test]
fn the_journey_goes_on_the_smallest_phone_and_at_200_percent() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    for look in [Look::SMALL, Look::ZOOMED] {
        window.look(&look);
        window.goto(&house.url("/w/acme"));
        window.click_link("API Token");
        window.click_link("Create token");
        window.fill("name", look.name);
        window.click_button("Create token");
        let value = window.value_of("Token value");
        window.click_button("Copy");
        window.wait_until("the button to say Copied", || window.has(&crate::chromium::button("Copied")));
        window.click_link("I have stored it");
        window.click_labelled(&format!("Delete token {}", look.name));
        window.click_button("Delete token");
        window.reads(&format!("Token {} deleted.", look.name));
        assert_eq!(house.call(&value).status, 401);
    }
}

#[test]
fn touched_things_are_large_enough_for_a_finger() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.create_token("acme", "Reporting");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.look(&Look::PHONE);
    window.devtools("Emulation.setTouchEmulationEnabled", serde_json::json!({"enabled": true}));
    window.devtools(
        "Emulation.setEmulatedMedia",
        serde_json::json!({"features": [{"name": "pointer", "value": "coarse"}]}),
    );
    for path in ["/w/acme", TOKENS, "/w/acme/settings", "/w/acme/settings/members", "/account"] {
        window.goto(&house.url(path));
        let small = window.run(
            "return [...document.querySelectorAll('button, .button, .side a, summary, select, input:not([type=radio], [type=checkbox], [type=hidden])')]
               .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 44).map((it) => it.outerHTML.slice(0, 99));",
        );
        assert_eq!(small, serde_json::json!([]), "{path}");
    }
}

#[test]
fn nothing_moves_for_those_who_ask_for_that_and_forced_colours_keep_every_edge() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.create_token("acme", "Reporting");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    let moving = "return [...document.querySelectorAll('*')].filter((it) => {
        const style = getComputedStyle(it);
        return style.transitionDuration !== '0s' || style.animationName !== 'none';
      }).length;";
    window.goto(&house.url(TOKENS));
    window.look(&Look { moves: true, ..Look::LIGHT });
    assert!(window.run(moving).as_u64().unwrap() > 0, "or else this finds nothing");
    window.look(&Look::LIGHT);
    assert_eq!(window.run(moving), 0);

    window.look(&Look::FORCED);
    assert_eq!(window.run("return matchMedia('(forced-colors: active)').matches"), true);
    // What a colour alone showed has an edge, or says it.
    let flat = window.run(
        "return [...document.querySelectorAll('button, .button, .badge, .pips i, [aria-current]')].filter((it) => {
           const style = getComputedStyle(it);
           const edge = (kind) => style[kind + 'Style'] !== 'none' && parseFloat(style[kind + 'Width']) > 0;
           return it.checkVisibility() && !it.closest('dialog, .foot') && !edge('borderTop') && !edge('outline');
         }).map((it) => it.outerHTML.slice(0, 99));",
    );
    assert_eq!(flat, serde_json::json!([]));
}

#[test]
fn a_token_is_renamed_rotated_and_stopped_and_the_workspace_switched_without_script() {
    let Some(window) = Window::open_without_script() else { return };
    let house = House::open();
    let old = house.create_token("acme", "Reporting");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.click_link("API Token");
    window.click_labelled("Rename token Reporting");
    window.fill("name", "Monthly report");
    window.click_button("Rename");
    window.reads("Token Reporting is called Monthly report now.");
    window.click_labelled("Rotate token Monthly report");
    window.click_button("Rotate token");
    let new = window.value_of("Token value");
    assert_eq!([&old, &new].map(|value| house.call(value).status), [200, 200]);
    window.click_link("I have stored it");
    window.click("//*[normalize-space()='Stop old value now' and (self::a or self::button)]");
    if window.has(&link("Cancel")) {
        window.click_button("Stop old value now");
    }
    window.reads("The old value of token Monthly report has stopped.");
    assert_eq!([&old, &new].map(|value| house.call(value).status), [401, 200]);
    window.click("//summary[contains(., 'Switch workspace')]");
    window.click("//details//a[contains(., 'Acme Demo')]");
    window.is_at("/w/acme-demo/settings/tokens");
    assert!(!window.has(&labelled("Token value")));
}
