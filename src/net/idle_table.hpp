// SPDX-License-Identifier: Apache-2.0
// A table of flows that forgets: the one quiet for longest when it is full, and each when it was quiet for
// too long. What strangers can fill must be bounded.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "net/reactor.hpp"

namespace sandbox::net {

/// A flow that is quiet wakes nobody but once, when its time is over. Pointers to values hold until they are
/// forgotten or removed.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class IdleTable {
  public:
    /// Sees a value that the table forgets, out of the table already. It may change the table.
    using Forgotten = std::function<void(const Key& key, Value& value)>;

    /// @param most values
    /// @param lifetime of one that is not touched; none: for ever
    /// @param forgotten not called for remove() and by the destructor; may be empty
    IdleTable(Reactor& reactor, std::size_t most, std::optional<Clock::duration> lifetime,
              Forgotten forgotten = {})
        : reactor_(reactor), most_(most), lifetime_(lifetime), forgotten_(std::move(forgotten)) {}
    ~IdleTable() { disarm(); }
    IdleTable(const IdleTable&) = delete;
    IdleTable& operator=(const IdleTable&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }

    /// Without counting as use. nullptr where there is none.
    [[nodiscard]] const Value* find(const Key& key) const {
        const auto found = by_key_.find(key);
        return found == by_key_.end() ? nullptr : &found->second->value;
    }

    /// As find(), and the value is young again.
    Value* touch(const Key& key) {
        const auto found = by_key_.find(key);
        if (found == by_key_.end()) {
            return nullptr;
        }
        entries_.splice(entries_.end(), entries_, found->second);
        found->second->last_use = Clock::now();
        return &found->second->value;
    }

    /// Puts a value in; there must be none of this key.
    Value& add(const Key& key, Value value) {
        if (by_key_.size() >= most_) {
            forget_oldest();
        }
        const auto entry = entries_.insert(entries_.end(), Entry{key, std::move(value), Clock::now()});
        by_key_.emplace(key, entry);
        arm();
        return entry->value;
    }

    void remove(const Key& key) {
        const auto found = by_key_.find(key);
        if (found != by_key_.end()) {
            entries_.erase(found->second);
            by_key_.erase(found);
        }
        if (entries_.empty()) {
            disarm();
        }
    }

    /// Forgets all.
    void clear() {
        while (!entries_.empty()) {
            forget_oldest();
        }
        disarm();
    }

  private:
    struct Entry {
        Key key;
        Value value;
        Clock::time_point last_use;
    };

    void forget_oldest() {
        std::list<Entry> old;
        old.splice(old.begin(), entries_, entries_.begin());
        by_key_.erase(old.front().key);
        if (forgotten_) {
            forgotten_(old.front().key, old.front().value);
        }
    }

    void arm() {
        if (lifetime_ && !timer_ && !entries_.empty()) {
            timer_ = reactor_.at(entries_.front().last_use + *lifetime_, [this] { expire(); });
        }
    }

    void disarm() noexcept {
        if (timer_) {
            reactor_.cancel(*timer_);
            timer_.reset();
        }
    }

    void expire() {
        timer_.reset();
        const Clock::time_point limit = Clock::now() - *lifetime_;
        while (!entries_.empty() && entries_.front().last_use <= limit) {
            forget_oldest();
        }
        arm();
    }

    Reactor& reactor_;
    std::size_t most_;
    std::optional<Clock::duration> lifetime_;
    Forgotten forgotten_;
    std::list<Entry> entries_; ///< the one quiet for longest first
    std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> by_key_;
    std::optional<Reactor::Timer> timer_;
};

} // namespace sandbox::net
