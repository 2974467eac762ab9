#include "neumf/data/column_names.hpp"

#include <algorithm>
#include <array>

namespace neumf::columns {
namespace {

using namespace std::string_view_literals;

// Persons before sessions: where a log has both, a history belongs to the person.
constexpr std::array users = {
    "userid"sv,    "user"sv,      "uid"sv,        "users"sv,    "useruuid"sv,   "userkey"sv,    "username"sv,
    "usersha1"sv,  "userhash"sv,  "customerid"sv, "customer"sv, "reviewerid"sv, "reviewer"sv,   "memberid"sv,
    "visitorid"sv, "profileid"sv, "accountid"sv,  "clientid"sv, "personid"sv,   "consumerid"sv, "buyerid"sv,
    "readerid"sv,  "viewerid"sv,  "listenerid"sv, "playerid"sv, "steamid"sv,    "msno"sv,       "deviceid"sv,
    "authorid"sv,  "sessionid"sv, "session"sv};
// A product's family before its variants: reviews of Amazon have both.
constexpr std::array items = {
    "itemid"sv,     "item"sv,       "iid"sv,        "items"sv,        "movieid"sv,   "movie"sv,
    "productid"sv,  "product"sv,    "parentasin"sv, "asin"sv,         "bookid"sv,    "isbn"sv,
    "book"sv,       "trackid"sv,    "track"sv,      "songid"sv,       "song"sv,      "artistid"sv,
    "artist"sv,     "albumid"sv,    "videoid"sv,    "video"sv,        "articleid"sv, "article"sv,
    "newsid"sv,     "venueid"sv,    "venue"sv,      "poiid"sv,        "poi"sv,       "placeid"sv,
    "locationid"sv, "businessid"sv, "gmapid"sv,     "restaurantid"sv, "gameid"sv,    "game"sv,
    "appid"sv,      "animeid"sv,    "recipeid"sv,   "showid"sv,       "jokeid"sv,    "beerid"sv,
    "beerbeerid"sv, "courseid"sv,   "photoid"sv,    "pinid"sv,        "postid"sv,    "docid"sv,
    "contentid"sv,  "goodsid"sv,    "skuid"sv,      "sku"sv,          "stockcode"sv, "adid"sv};
constexpr std::array times = {"timestamp"sv,
                              "time"sv,
                              "ts"sv,
                              "unixtime"sv,
                              "unixtimestamp"sv,
                              "unixreviewtime"sv,
                              "datetime"sv,
                              "eventtime"sv,
                              "eventtimestamp"sv,
                              "timestampms"sv,
                              "timems"sv,
                              "reviewtime"sv,
                              "ratingtimestamp"sv,
                              "createdat"sv,
                              "created"sv,
                              "createdtime"sv,
                              "timecreated"sv,
                              "timestampcreated"sv,
                              "utctimestamp"sv,
                              "utctime"sv,
                              "clicktime"sv,
                              "checkintime"sv,
                              "visittime"sv,
                              "playedat"sv,
                              "watchedat"sv,
                              "ratedat"sv,
                              "dateadded"sv,
                              "dateupdated"sv,
                              "date"sv,
                              "tdat"sv,
                              "reviewdate"sv,
                              "eventdate"sv,
                              "orderdate"sv,
                              "purchasedate"sv,
                              "transactiondate"sv,
                              "invoicedate"sv};
constexpr std::array ratings = {"rating"sv,     "ratings"sv,       "stars"sv,       "score"sv,
                                "overall"sv,    "bookrating"sv,    "reviewscore"sv, "starrating"sv,
                                "userrating"sv, "reviewoverall"sv, "myrating"sv,    "ratingvalue"sv};

}  // namespace

std::string normalised(std::string_view name) {
  for (const auto type : {":token"sv, ":float"sv, ":token_seq"sv, ":float_seq"sv})
    if (name.ends_with(type)) name.remove_suffix(type.size());
  std::string result;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z')
      result += static_cast<char>(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      result += c;
  }
  return result;
}

std::span<const std::string_view> known_names(Role role) {
  switch (role) {
    case Role::user:
      return users;
    case Role::item:
      return items;
    case Role::time:
      return times;
    default:
      return ratings;
  }
}

std::optional<std::size_t> rank(Role role, std::string_view name) {
  const auto names = known_names(role);
  const auto found = std::find(names.begin(), names.end(), normalised(name));
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

std::string_view to_string(Role role) {
  constexpr std::array names = {"user"sv, "item"sv, "time"sv, "rating"sv};
  return names[static_cast<std::size_t>(role)];
}

}  // namespace neumf::columns
