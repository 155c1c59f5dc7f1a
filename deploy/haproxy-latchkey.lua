-- Forward authentication for HAProxy 2.6 and later: the action "lua.latchkey URL" asks Latchkey about a request, as
-- haproxy.cfg in this folder does. Only a 200 from Latchkey sets txn.latchkey. haproxy.cfg denies a request without it, so
-- that an error in this script lets no one in.

local IDENTITY = {
    "x-auth-workspace", "x-auth-workspace-slug", "x-auth-user", "x-auth-email", "x-auth-role", "x-auth-token",
}

-- Passed on to the client with a 401 or 403.
local PASSED_ON = { "content-type", "cache-control", "vary", "www-authenticate" }

-- The values of a header in their order. HAProxy's lists begin at 0.
local function values(headers, name)
    local list = {}
    local i = 0
    while headers[name] and headers[name][i] do
        table.insert(list, headers[name][i])
        i = i + 1
    end
    return list
end

core.register_action("latchkey", { "http-req" }, function(txn, url)
    -- Only the headers that Latchkey reads.
    local received = txn.http:req_get_headers()
    local sent = { ["x-forwarded-for"] = { txn.sf:src() }, ["user-agent"] = { "" } }
    for _, name in ipairs({ "authorization", "user-agent" }) do
        if received[name] then
            sent[name] = values(received, name)
        end
    end
    local answer = core.httpclient():get({ url = url, headers = sent, timeout = 5000 })

    if answer.status == 200 then
        for _, name in ipairs(IDENTITY) do
            for _, value in ipairs(values(answer.headers, name)) do
                txn.http:req_set_header(name, value)
            end
        end
        txn:set_var("txn.latchkey", "allow")
    elseif answer.status == 401 or answer.status == 403 then
        local reply = txn:reply({ status = answer.status, body = answer.body })
        for _, name in ipairs(PASSED_ON) do
            for _, value in ipairs(values(answer.headers, name)) do
                reply:add_header(name, value)
            end
        end
        txn:done(reply)
    end
end, 1)
