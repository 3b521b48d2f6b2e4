-- For wrk: prints the result as one line of JSON. With the name of a file with lines "HOST TOKEN", each request uses a
-- random one.

function init(args)
   if not args[1] then return end
   local requests = {}
   for line in io.lines(args[1]) do
      local host, token = line:match("(%S+) (%S+)")
      requests[#requests + 1] = wrk.format(nil, nil, { Host = host, Authorization = "ApiToken " .. token })
   end
   math.randomseed(os.time())
   function request() return requests[math.random(#requests)] end
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"microseconds":%d,"bytes":%d,"failed":%d,"p50":%d,"p99":%d}\n',
      summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
      latency:percentile(50), latency:percentile(99)))
end
