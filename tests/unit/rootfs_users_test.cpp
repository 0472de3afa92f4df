// SPDX-License-Identifier: Apache-2.0
// passwd(5) and group(5) of an image, and whom -u names.
#include "rootfs/users.hpp"

#include "support.hpp"

namespace sandbox {
namespace {

using test::refuses;

const std::vector<PasswdEntry> users{{"root", 0, 0, "/root", "/bin/ash"},
                                     {"www", 33, 34, "/var/www", "/sbin/nologin"},
                                     {"homeless", 40, 40, "", ""},
                                     {"1234", 7, 7, "/seven", "/bin/sh"}};
const std::vector<GroupEntry> groups{
    {"root", 0, {}}, {"web", 34, {}}, {"adm", 4, {"www", "root"}}, {"tty", 5, {"www"}}, {"99", 8, {}}};

ResolvedUser resolve(std::string_view text) {
    return resolve_user(text, users, groups);
}

TEST(Passwd, LinesHaveSevenFields) {
    const auto entries = parse_passwd("root:x:0:0:root:/root:/bin/ash\nwww:x:33:34:a,b:/var/www:\n");
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].name, "root");
    EXPECT_EQ(entries[0].shell, "/bin/ash");
    EXPECT_EQ(entries[1].uid, 33U);
    EXPECT_EQ(entries[1].gid, 34U);
    EXPECT_EQ(entries[1].home, "/var/www");
    EXPECT_EQ(entries[1].shell, "");
}

TEST(Passwd, MalformedLinesArePassedOver) {
    const auto entries = parse_passwd(
        "\n# comment\nroot\nroot:x:0:0:root:/root\nx:x:0:0:::::\n:x:0:0::/:/bin/sh\n"
        "a:x::0::/:\nb:x:0:::/:\nc:x:-1:0::/:\nd:x:0x0:0::/:\n+::::::\n"
        "ok:x:1:2:::/bin/sh\r\n");
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].name, "ok");
    EXPECT_EQ(entries[0].shell, "/bin/sh");
}

// (uid_t) -1 means "leave it" to setresuid(2).
TEST(Passwd, TheIdThatIsNobodysIsPassedOver) {
    EXPECT_TRUE(parse_passwd("a:x:4294967295:0::/:\nb:x:0:4294967295::/:\nc:x:4294967296:0::/:\n").empty());
    EXPECT_EQ(parse_passwd("a:x:4294967294:4294967294::/:\n").size(), 1U);
}

TEST(Group, LinesHaveFourFields) {
    const auto entries =
        parse_group("adm:x:4:www,root\nempty:x:5:\nbad:x:6\nbad:x:-1:\n:x:7:\nx:x:8:,a,,b,\n");
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].members, (std::vector<std::string>{"www", "root"}));
    EXPECT_TRUE(entries[1].members.empty());
    EXPECT_EQ(entries[2].members, (std::vector<std::string>{"a", "b"}));
}

TEST(ResolveUser, ANameBringsItsPasswdLineAndGroups) {
    const auto user = resolve("www");
    EXPECT_EQ(user.uid, 33U);
    EXPECT_EQ(user.gid, 34U);
    EXPECT_EQ(user.groups, (std::vector<gid_t>{4, 5}));
    EXPECT_EQ(user.name, "www");
    EXPECT_EQ(user.home, "/var/www");
    EXPECT_EQ(user.shell, "/sbin/nologin");
}

TEST(ResolveUser, ANumberBringsItsPasswdLineWhereThereIsOne) {
    EXPECT_EQ(resolve("33").name, "www");
    EXPECT_EQ(resolve("33").gid, 34U);
    EXPECT_EQ(resolve("500").uid, 500U);
    EXPECT_EQ(resolve("500").gid, 0U);
    EXPECT_EQ(resolve("500").name, "500");
    EXPECT_EQ(resolve("500").home, "/");
    EXPECT_EQ(resolve("500").shell, "");
}

TEST(ResolveUser, AGroupReplacesAllGroups) {
    EXPECT_EQ(resolve("www:adm").gid, 4U);
    EXPECT_TRUE(resolve("www:adm").groups.empty());
    EXPECT_EQ(resolve("www:77").gid, 77U);
    EXPECT_EQ(resolve("500:web").gid, 34U);
    EXPECT_EQ(resolve("500:501").gid, 501U);
}

TEST(ResolveUser, AnEmptyHalfIsTheDefault) {
    EXPECT_EQ(resolve(":5").uid, 0U);
    EXPECT_EQ(resolve(":5").gid, 5U);
    EXPECT_EQ(resolve("www:").uid, 33U);
    EXPECT_EQ(resolve("www:").gid, 34U);
}

TEST(ResolveUser, AnEmptyHomeIsTheRoot) {
    EXPECT_EQ(resolve("homeless").home, "/");
}

TEST(ResolveUser, UnknownNamesAreRefusedByName) {
    EXPECT_TRUE(refuses([] { resolve("nosuch"); }, "--user nosuch", "no user nosuch"));
    EXPECT_TRUE(refuses([] { resolve("www:nosuch"); }, "--user www:nosuch", "no group nosuch"));
    EXPECT_TRUE(refuses([] { resolve(":nosuch"); }, "--user :nosuch", "no group nosuch"));
    EXPECT_TRUE(refuses([] { resolve("-1"); }, "--user -1"));
    EXPECT_TRUE(refuses([] { resolve("33 "); }, "--user"));
}

// CVE-2024-9676's kin: what is all digits is an id, whatever names the image has.
TEST(ResolveUser, ANumberIsNeverAName) {
    EXPECT_EQ(resolve("1234").uid, 1234U);
    EXPECT_EQ(resolve("1234").home, "/");
    EXPECT_EQ(resolve("0:99").gid, 99U);
}

TEST(ResolveUser, ANumberTooLargeIsNoNameEither) {
    for (const char* number : {"4294967295", "4294967296", "99999999999999999999", "18446744073709551616"}) {
        const std::vector<PasswdEntry> hostile_users{{number, 0, 0, "/root", "/bin/sh"}};
        const std::vector<GroupEntry> hostile_groups{{number, 0, {}}};
        EXPECT_TRUE(refuses([&] { resolve_user(number, hostile_users, {}); }, "--user", number)) << number;
        EXPECT_TRUE(
            refuses([&] { resolve_user(std::string{"1:"} + number, {}, hostile_groups); }, "--user", number))
            << number;
    }
}

} // namespace
} // namespace sandbox
