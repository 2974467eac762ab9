// The forms in which public data sets come, small, each with what a person would try first. In every file the
// first user has three items, in this order of time, and the second has the second and then the first of
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "preprocess.hpp"
#include "support.hpp"

namespace neumf::test {
namespace {

using preprocess::ReadOptions;
using testing::HasSubstr;

struct Shape {
  const char* name;
  std::string text;
  // What the first try without options says; "" where it is right at once.
  const char* first_try;
  // What has to be said, where it is not.
  std::function<void(ReadOptions&)> options;
  const char* said;  // of the summary
  bool times = true;
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.name;
}

auto columns(const char* user, const char* item, const char* time = "", const char* time_format = "") {
  return [=](ReadOptions& reading) {
    reading.user_column = user;
    reading.item_column = item;
    reading.time_column = time;
    reading.time_format = time_format;
  };
}

void nothing(ReadOptions&) {}

void without_times(ReadOptions& reading) {
  reading.time = preprocess::TimeSource::none;
}

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"MovieLens20M",
       "userId,movieId,rating,timestamp\n1,29,3.5,1112484676\n1,31,2.5,1112486027\n1,32,3.5,1112486100\n"
       "2,31,4.0,974820889\n2,29,5.0,974820900\n",
       "", nothing, "times: 2000-11-21 to 2005-04-02 (seconds)"},
      {"MovieLens1M",
       "1::1193::5::978300760\n1::661::3::978302109\n1::914::3::978302200\n2::661::4::978299000\n"
       "2::1193::5::978299026\n",
       "", nothing, "user: column 1, item: column 2, time: column 4"},
      {"MovieLens100K",
       "196\t242\t3\t881250949\n196\t302\t3\t891717742\n196\t377\t1\t891717800\n22\t302\t1\t878887116\n"
       "22\t242\t2\t878887200\n",
       "", nothing, "user: column 1"},
      {"MovieLensTags",
       "userId,movieId,tag,timestamp\n18,4141,\"Mark Waters\",1240597180\n18,208,\"dark, "
       "\"\"hero\"\"\",1368150078\n"
       "18,353,dark hero,1368150090\n65,208,noir,1368149000\n65,4141,x,1368149876\n",
       "", nothing, "item: column 'movieId'"},
      {"Amazon2014Csv",
       "A1KLRMWW2FWPL4,0700099867,5.0,1372550400\nA1KLRMWW2FWPL4,0077613252,5.0,1372550500\n"
       "A1KLRMWW2FWPL4,B00000JLIS,4.0,1372550600\nA2G5TCU2WDFZ65,0077613252,5.0,1297641600\n"
       "A2G5TCU2WDFZ65,0700099867,5.0,1297641700\n",
       "--user_column 1 --item_column 2 --time_column 4", columns("1", "2"),
       "user: column 1, item: column 2, time: column 4"},
      {"Amazon2018Csv",
       "0143026860,A1V6B6TNIC10QE,1.0,1424304000\n0077613252,A1V6B6TNIC10QE,5.0,1424304100\n"
       "B00000JLIS,A1V6B6TNIC10QE,5.0,1424304200\n0077613252,A2F5GHSXFQ0W6J,4.0,1418860800\n"
       "0143026860,A2F5GHSXFQ0W6J,4.0,1418860900\n",
       "--user_column 1 --item_column 2", columns("2", "1", "4"), "user: column 2, item: column 1"},
      {"Amazon2014Json",
       "{\"reviewerID\": \"A2\", \"asin\": \"00001\", \"helpful\": [2, 3], \"overall\": 5.0, "
       "\"unixReviewTime\": "
       "1252800000, \"reviewTime\": \"09 13, 2009\"}\n"
       "{\"reviewerID\": \"A2\", \"asin\": \"00002\", \"overall\": 5.0, \"unixReviewTime\": 1252800001}\n"
       "{\"reviewerID\": \"A2\", \"asin\": \"00003\", \"overall\": 4.0, \"unixReviewTime\": 1252800002}\n"
       "{\"reviewerID\": \"A3\", \"asin\": \"00002\", \"overall\": 1.0, \"unixReviewTime\": 1252800003}\n"
       "{\"reviewerID\": \"A3\", \"asin\": \"00001\", \"overall\": 1.0, \"unixReviewTime\": 1252800004}\n",
       "", nothing, "time: key 'unixReviewTime', rating: key 'overall'"},
      {"Amazon2023Csv",
       "user_id,parent_asin,rating,timestamp\nAE1,B01,5.0,1500001332123\nAE1,B02,4.0,1500001333123\n"
       "AE1,B03,4.0,1500001334123\nAE2,B02,1.0,1500001335123\nAE2,B01,1.0,1500001336123\n",
       "", nothing, "(milliseconds)"},
      {"Amazon2023Json",
       "{\"rating\":3.0,\"title\":\"\\u00e9 "
       "\\\"t\\\"\",\"images\":[{\"a\":\"b\"}],\"asin\":\"V1\",\"parent_asin\":"
       "\"B1\",\"user_id\":\"A2\",\"timestamp\":1500001332000}\n"
       "{\"asin\":\"V2\",\"parent_asin\":\"B2\",\"user_id\":\"A2\",\"timestamp\":1500001333000}\n"
       "{\"asin\":\"V3\",\"parent_asin\":\"B3\",\"user_id\":\"A2\",\"timestamp\":1500001334000}\n"
       "{\"asin\":\"V4\",\"parent_asin\":\"B2\",\"user_id\":\"A3\",\"timestamp\":1500001335000}\n"
       "{\"asin\":\"V1\",\"parent_asin\":\"B1\",\"user_id\":\"A3\",\"timestamp\":1500001336000}\n",
       "", nothing, "the item could also be 'asin'"},
      {"Yelp",
       "{\"review_id\":\"r0\",\"user_id\":\"u1\",\"business_id\":\"b1\",\"stars\":3.0,\"text\":\"good, "
       "\\\"really\\\"\\n\",\"date\":\"2017-07-14 03:02:12\"}\n"
       "{\"user_id\":\"u1\",\"business_id\":\"b2\",\"stars\":3.0,\"date\":\"2017-07-14 03:02:13\"}\n"
       "{\"user_id\":\"u1\",\"business_id\":\"b3\",\"stars\":3.0,\"date\":\"2018-01-01 00:00:00\"}\n"
       "{\"user_id\":\"u2\",\"business_id\":\"b2\",\"stars\":3.0,\"date\":\"2016-07-14 03:02:13\"}\n"
       "{\"user_id\":\"u2\",\"business_id\":\"b1\",\"stars\":3.0,\"date\":\"2016-07-14 03:02:14\"}\n",
       "", nothing, "times: 2016-07-14 to 2018-01-01 (dates)"},
      {"GoodreadsCsv",
       "user_id,book_id,is_read,rating,is_reviewed\n0,948,1,5,0\n0,947,1,5,1\n0,946,1,5,0\n1,947,0,0,0\n1,"
       "948,1,4,0\n",
       "", without_times, "time: none", false},
      {"GoodreadsJson",
       "{\"user_id\": \"8842281e\", \"book_id\": \"24375664\", \"rating\": 5, \"date_added\": \"Fri Aug 25 "
       "13:55:02 "
       "-0700 2017\"}\n"
       "{\"user_id\": \"8842281e\", \"book_id\": \"18245960\", \"rating\": 5, \"date_added\": \"Sun Jul 30 "
       "07:44:10 "
       "-0700 2018\"}\n"
       "{\"user_id\": \"8842281e\", \"book_id\": \"6392944\", \"rating\": 3, \"date_added\": \"Mon Jul 24 "
       "02:48:17 "
       "-0700 2019\"}\n"
       "{\"user_id\": \"9942281e\", \"book_id\": \"18245960\", \"rating\": 4, \"date_added\": \"Mon Jul 24 "
       "02:33:09 "
       "-0700 2017\"}\n"
       "{\"user_id\": \"9942281e\", \"book_id\": \"24375664\", \"rating\": 4, \"date_added\": \"Mon Jul 31 "
       "02:33:09 "
       "-0700 2017\"}\n",
       "--time_format", [](ReadOptions& reading) { reading.time_format = "%a %b %d %H:%M:%S %z %Y"; },
       "times: 2017-07-24 to 2019-07-24 (dates)"},
      {"LastFm1K",
       "user_000001\t2009-05-04T23:08:57Z\tf1b1\tDeep Dish\t\tFuck Me Im Famous\n"
       "user_000001\t2009-05-05T23:08:57Z\ta7f7\t\"Weird Al\t\tOne \"Two\n"
       "user_000001\t2009-05-06T23:08:57Z\tba2f\tUnderworld\tdc39\tBoy\n"
       "user_000002\t2009-05-01T23:08:57Z\ta7f7\tX\t\tY\n"
       "user_000002\t2009-05-02T23:08:57Z\tf1b1\tX\t\tY\n",
       "--user_column 1 --item_column 2", columns("1", "3"), "time: column 2"},
      {"LastFm360K",
       "00000c28\t3bd73256\tbetty blowtorch\t2137\n00000c28\tf2fb0ff0\tdie \"Ärzte\t1099\n"
       "00000c28\tb3ae82c2\tmelissa "
       "etheridge\t897\n11000c28\tf2fb0ff0\telvenking\t717\n11000c28\t3bd73256\tx\t706\n",
       "--user_column 1 --item_column 2",
       [](ReadOptions& reading) {
         columns("1", "2")(reading);
         without_times(reading);
       },
       "time: none", false},
      {"HetRecLastFm",
       "userID\tartistID\ttagID\ttimestamp\n2\t52\t13\t1238536800000\n2\t63\t15\t1238536900000\n"
       "2\t73\t18\t1241128800000\n3\t63\t18\t1241128800000\n3\t52\t18\t1241138800000\n",
       "", nothing, "item: column 'artistID', time: column 'timestamp'"},
      {"SteamPython",
       "{u'username': u'Chaos', u'hours': 0.1, u'product_id': u'725280', u'date': u'2017-12-17'}\n",
       "Python's notation of dictionaries", nullptr, ""},
      {"NetflixPrize",
       "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n1488844,4,2005-10-19\n822109,4,2005-05-12\n3:\n"
       "1488844,4,2005-12-26\n",
       "", nothing,
       "user: column 'user', item: column 'movie', time: column 'date', rating: column 'rating'"},
      {"RecBole",
       "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949.0\n"
       "196\t302\t3\t891717742.0\n196\t377\t1\t891717743.0\n22\t302\t3\t878887116.0\n22\t242\t3\t878887117."
       "0\n",
       "", nothing, "user: column 'user_id', item: column 'item_id'"},
      {"RetailRocket",
       "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n"
       "1433224214164,257597,view,248676,\n1433224244164,257597,transaction,318965,12\n"
       "1433221999827,992329,view,248676,\n1433222999827,992329,addtocart,355908,\n",
       "", nothing, "user: column 'visitorid', item: column 'itemid', time: column 'timestamp'"},
      {"YoochooseClicks",
       "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,0\n"
       "1,2014-04-07T10:54:46.998Z,214536506,0\n2,2014-04-07T13:56:37.614Z,214536500,0\n"
       "2,2014-04-07T13:57:19.373Z,214536502,0\n",
       "--user_column 1 --item_column 2", columns("1", "3"), "time: column 2"},
      {"Gowalla",
       "0\t2010-10-19T23:55:27Z\t30.2359091167\t-97.7951395833\t22847\n"
       "0\t2010-10-20T22:17:43Z\t30.2691029532\t-97.7493953705\t420315\n"
       "0\t2010-10-21T22:17:43Z\t30.2557309927\t-97.7633857727\t316637\n"
       "1\t2010-10-17T23:42:03Z\t30.2634181234\t-97.7575966669\t420315\n"
       "1\t2010-10-18T23:42:03Z\t30.2634181234\t-97.7575966669\t22847\n",
       "--user_column 1 --item_column 2", columns("1", "5", "2"), "times: 2010-10-17 to 2010-10-21 (dates)"},
      {"FoursquareTsmc",
       "470\t49bb\t4bf5\tArts & \"Crafts\t40.71\t-74.00\t-240\tTue Apr 03 18:00:09 +0000 2012\n"
       "470\t4a43\t4bf5\tBridge\t40.60\t-74.04\t-240\tTue Apr 10 18:00:25 +0000 2012\n"
       "470\t4c5c\t4bf5\tCaf\xe9\t40.71\t-74.00\t-240\tWed Apr 11 18:02:24 +0000 2012\n"
       "979\t4a43\t4bf5\tBridge\t40.60\t-74.04\t-240\tTue Apr 03 18:00:25 +0000 2012\n"
       "979\t49bb\t4bf5\tArts\t40.60\t-74.04\t-240\tTue Apr 03 18:00:26 +0000 2012\n",
       "--user_column 1 --item_column 2", columns("1", "2", "8", "%a %b %d %H:%M:%S %z %Y"),
       "times: 2012-04-03 to 2012-04-11 (dates)"},
      {"BookCrossing",
       "\"User-ID\";\"ISBN\";\"Book-Rating\"\r\n\"276725\";\"034545104X\";\"0\"\r\n\"276725\";\"0155061224\";"
       "\"5\"\r\n"
       "\"276725\";\"0446520802\";\"0\"\r\n\"276726\";\"0155061224\";\"0\"\r\n\"276726\";\"034545104X\";"
       "\"3\"\r\n",
       "", without_times,
       "user: column 'User-ID', item: column 'ISBN', time: none, rating: column 'Book-Rating'", false},
      {"Taobao",
       "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,pv,1511561733\n1,2576651,149192,buy,1511572885\n"
       "100,2333346,1,pv,1511593493\n100,2268318,1,cart,1511596146\n",
       "--user_column 1 --item_column 2 --time_column 5", columns("1", "2"), "time: column 5"},
      {"KuaiRec",
       "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n"
       "0,3649,13838,10867,2020-07-05 00:08:23.438,20200705,1593878903.438,1.27\n"
       "0,9598,13665,10984,2020-07-05 00:13:41.297,20200705,1593879221.297,1.24\n"
       "0,5262,851,7908,2020-07-05 00:16:06.687,20200705,1593879366.687,0.1\n"
       "1,9598,862,9590,2020-07-05 00:20:26.792,20200705,1593879626.792,0.08\n"
       "1,3649,858,11000,2020-07-05 00:43:05.128,20200705,1593880985.128,0.07\n",
       "", nothing, "the time could also be 'time', 'date'"},
      {"Mind",
       "1\tU13740\t11/11/2019 9:05:58 AM\tN55189\tN55689-1\n2\tU13740\t11/12/2019 6:11:30 "
       "PM\tN31739\tN35729-0\n"
       "3\tU13740\t11/14/2019 7:01:48 AM\tN10732\tN20678-0\n4\tU91836\t11/11/2019 5:28:05 AM\tN31739\tN1\n"
       "5\tU91836\t11/12/2019 12:11:21 PM\tN55189\tN1\n",
       "--user_column 1 --item_column 2", columns("2", "4", "3", "%m/%d/%Y %I:%M:%S %p"),
       "times: 2019-11-11 to 2019-11-14 (dates)"},
      {"Epinions", "1 100 5\n1 101 4\n1 102 4\n2 101 5\n2 100 5\n", "--separator space",
       [](ReadOptions& reading) {
         columns("1", "2")(reading);
         without_times(reading);
         reading.separator = preprocess::parse_separator("space");
       },
       "time: none", false},
      {"HandM",
       "t_dat,customer_id,article_id,price,sales_channel_id\n2018-09-20,000058a1,0663713001,0.05,2\n"
       "2018-09-21,000058a1,0541518023,0.03,2\n2018-09-22,000058a1,0505221004,0.01,2\n"
       "2018-09-20,00007d2d,0541518023,0.02,2\n2018-09-21,00007d2d,0663713001,0.01,2\n",
       "", nothing, "user: column 'customer_id', item: column 'article_id', time: column 't_dat'"},
      {"OnlineRetail",
       "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
       "536365,85123A,\"WHITE, HEART\",6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
       "536366,71053,LANTERN,6,12/1/2010 8:28,3.39,17850,United Kingdom\n"
       "536367,84406B,COAT,8,1/2/2011 8:26,2.75,17850,United Kingdom\n"
       "536368,71053,LANTERN,6,12/1/2010 8:34,3.39,13047,United Kingdom\n"
       "536369,85123A,HEART,6,12/1/2010 8:35,2.55,13047,United Kingdom\n",
       "--time_format", [](ReadOptions& reading) { reading.time_format = "%m/%d/%Y %H:%M"; },
       "user: column 'CustomerID', item: column 'StockCode', time: column 'InvoiceDate'"},
      {"CriteoSessions",
       "uid\titem_id\ttimestamp\tclick\n20073966\t22589171\t1494030000\t0\n20073966\t884761\t1494030100\t1\n"
       "20073966\t18975823\t1494030200\t0\n28607650\t884761\t1494030300\t0\n28607650\t22589171\t1494030400\t0"
       "\n",
       "", nothing, "user: column 'uid'"},
  };
  return all;
}

class Shapes : public testing::TestWithParam<Shape> {};

TEST_P(Shapes, FirstTryAndResult) {
  const Shape& shape = GetParam();
  if (*shape.first_try != '\0')
    EXPECT_THAT(error_of_text(shape.text, ReadOptions{}), HasSubstr(shape.first_try));
  else
    EXPECT_EQ(error_of_text(shape.text, ReadOptions{}), "");
  if (!shape.options) return;
  ReadOptions reading;
  shape.options(reading);
  EXPECT_THAT(summary_of_text(shape.text, reading), HasSubstr(shape.said));
  const Data data = run_text(shape.text, reading);
  ASSERT_EQ(data.users.size(), 2u);
  ASSERT_EQ(data.items.size(), 3u);
  if (!shape.times) {
    EXPECT_EQ(data.train[0].size(), 2u);
    EXPECT_EQ(data.train[1].size(), 1u);
    return;
  }
  // u1 ends with an item of its own, u2 with the first item that u1 had.
  EXPECT_EQ(data.train[0].size(), 2u);
  EXPECT_EQ(data.train[1].size(), 1u);
  EXPECT_EQ(data.test[0], 2u);
  EXPECT_EQ(data.train[1][0], 1u);
  EXPECT_EQ(data.test[1], 0u);
}

INSTANTIATE_TEST_SUITE_P(Public, Shapes, testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace neumf::test
