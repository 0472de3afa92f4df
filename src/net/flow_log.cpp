// SPDX-License-Identifier: Apache-2.0
// Lines of JSON, and a tally of denials by place.
#include "net/flow_log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace sandbox::net {

namespace {

std::string timestamp(std::chrono::system_clock::time_point when) {
    using namespace std::chrono;
    const auto whole = floor<milliseconds>(when.time_since_epoch());
    const std::time_t second = floor<seconds>(whole).count();
    std::tm utc{};
    (void)::gmtime_r(&second, &utc);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    const std::string fraction = std::to_string((whole - floor<seconds>(whole)).count());
    return std::string{text.data(), size} + "." + std::string(3 - fraction.size(), '0') + fraction + "Z";
}

const char* text_of(Protocol protocol) noexcept {
    switch (protocol) {
        case Protocol::tcp:
            return "tcp";
        case Protocol::udp:
            return "udp";
        case Protocol::icmp:
            return "icmp";
        case Protocol::icmpv6:
            return "icmpv6";
    }
    return "unknown";
}

const char* text_of(FlowRecord::Verdict verdict) noexcept {
    switch (verdict) {
        case FlowRecord::Verdict::allowed:
            return "allowed";
        case FlowRecord::Verdict::denied:
            return "denied";
        case FlowRecord::Verdict::failed:
            break;
    }
    return "failed";
}

/// Echo requests have no port.
std::string place_of(const Endpoint& endpoint) {
    return endpoint.port == 0 ? to_string(endpoint.address) : to_string(endpoint);
}

std::string counted(std::uint64_t count, const char* noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

} // namespace

FlowLog::FlowLog(UniqueFd file) : file_(std::move(file)) {}

void FlowLog::add(const FlowRecord& record) {
    if (record.verdict == FlowRecord::Verdict::denied) {
        const bool has_port = record.destination.port != 0;
        count_denied(record.name.empty() || !has_port
                         ? place_of(record.destination)
                         : record.name + ":" + std::to_string(record.destination.port));
    }
    if (!is_wanted()) {
        return;
    }
    JsonWriter json;
    json.begin_object().key("time").value(timestamp(record.start));
    json.key("protocol").value(text_of(record.protocol));
    json.key("source").value(place_of(record.source));
    json.key("destination").value(place_of(record.destination));
    if (!record.name.empty()) {
        json.key("name").value(record.name);
    }
    json.key("sent").value(record.sent).key("received").value(record.received);
    json.key("duration").value(std::chrono::floor<std::chrono::microseconds>(record.duration));
    json.key("verdict").value(text_of(record.verdict));
    if (record.published) {
        json.key("published").value(true);
    }
    write_line(json.end_object().text());
}

void FlowLog::add_denied_name(const std::string& name) {
    count_denied(name);
    if (!is_wanted()) {
        return;
    }
    JsonWriter json;
    json.begin_object().key("time").value(timestamp(std::chrono::system_clock::now()));
    json.key("protocol").value("dns").key("name").value(name);
    json.key("verdict").value(text_of(FlowRecord::Verdict::denied));
    write_line(json.end_object().text());
}

void FlowLog::count_denied(const std::string& place) {
    ++denied_;
    const auto known = denied_at_.find(place);
    if (known != denied_at_.end()) {
        ++known->second;
    } else if (denied_at_.size() < most_places) {
        denied_at_.emplace(place, 1);
    } else {
        has_more_places_ = true;
    }
}

void FlowLog::write_line(std::string line) {
    line += '\n';
    ssize_t put = 0;
    do {
        put = ::write(file_.get(), line.data(), line.size());
    } while (put < 0 && errno == EINTR);
    if (put < 0 || static_cast<std::size_t>(put) < line.size()) {
        // A part of a line would make the next one unreadable. A short write to a file means a full disk.
        failure_ = error_text(put < 0 ? errno : ENOSPC);
        file_.reset();
    }
}

std::string FlowLog::summary() const {
    if (denied_ == 0) {
        return {};
    }
    constexpr std::size_t most_named = 3;
    using Place = std::pair<std::string, std::uint64_t>;
    std::vector<Place> places{denied_at_.begin(), denied_at_.end()};
    const auto named = places.begin() + static_cast<std::ptrdiff_t>(std::min(most_named, places.size()));
    std::partial_sort(places.begin(), named, places.end(), [](const Place& a, const Place& b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    std::string list;
    for (auto place = places.begin(); place != named; ++place) {
        list += (list.empty() ? "" : ", ") + printable(place->first) + " x " + std::to_string(place->second);
    }
    if (places.size() > most_named) {
        list += ", " + std::to_string(places.size() - most_named) + " more";
    }
    return "denied: " + counted(denied_, "attempt") + " at " + (has_more_places_ ? "over " : "") +
           counted(places.size(), "place") + " (" + list + ")";
}

bool FlowLog::has_denied(const IpAddress& address) const {
    const std::string begin = to_string(address);
    return std::any_of(denied_at_.begin(), denied_at_.end(), [&](const auto& place) {
        return place.first == begin || place.first.starts_with(begin + ":");
    });
}

} // namespace sandbox::net
